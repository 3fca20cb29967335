#!/bin/sh
# Makes a Debian root a guest as Google's images are. Runs in that root.
#
# usage: guest.sh ROOT_UUID ESP_UUID
set -eu
root=$1 esp=$2

passwd --lock root >/dev/null
cat >/etc/hosts <<'HOSTS'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
169.254.169.254 metadata.google.internal metadata
HOSTS
mkdir -p /etc/netplan
cat >/etc/netplan/90-default.yaml <<'NETPLAN'
network:
  version: 2
  ethernets:
    all-en:
      match: {name: en*}
      dhcp4: true
      dhcp4-overrides: {use-domains: true}
    all-eth:
      match: {name: eth*}
      dhcp4: true
      dhcp4-overrides: {use-domains: true}
NETPLAN
chmod 0600 /etc/netplan/90-default.yaml
systemctl enable systemd-networkd.service systemd-resolved.service >/dev/null 2>&1
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf '[Time]\nNTP=metadata.google.internal\n' >/etc/systemd/timesyncd.conf

cat >/etc/fstab <<FSTAB
UUID=$root / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1
UUID=$esp /boot/efi vfat defaults,nofail 0 0
FSTAB
mkdir -p /boot/efi /boot/grub
cat >/boot/grub/grub.cfg <<GRUB
serial --unit=0 --speed=38400
terminal_output serial
search --no-floppy --fs-uuid --set=root $root
set timeout=0
menuentry 'Debian' {
  linux /vmlinuz root=UUID=$root ro console=ttyS0,38400n8d net.ifnames=1 quiet
  initrd /initrd.img
}
GRUB
# The initrd holds what a Compute Engine disk can hang on, and no more: it is unpacked at every boot.
sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf
printf '%s\n' virtio_pci virtio_scsi sd_mod nvme ext4 crc32c virtio_net gve virtio_rng >/etc/initramfs-tools/modules
update-initramfs -u -k all
systemctl set-default multi-user.target >/dev/null 2>&1

# Nothing of one machine: the guest agent makes host keys at the first boot.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/hostname /etc/ssh/ssh_host_*
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
find /var/log -type f -delete
