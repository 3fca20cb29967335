#!/bin/sh
# What makes a Debian root a Compute Engine guest: the account, the network, the boot loader's
# configuration, cloud-init pinned to GCE, and nothing that costs time at boot.
set -eu

# The gateway's account is baked in, not created by cloud-init: it has the uid inside the container. Its home
# is the mount point of the state disk.
useradd --uid 1000 --user-group --create-home --home-dir /home/clawbake --shell /bin/bash clawbake

echo 'root:*' | chpasswd --encrypted
passwd --lock root >/dev/null

# cloud-init's local stage has no DNS yet.
cat >/etc/hosts <<'HOSTS'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
169.254.169.254 metadata.google.internal metadata
HOSTS

# systemd-networkd manages the network. It takes the MTU from DHCP (1460 on GCE) only if told to.
cat >/etc/systemd/network/20-nic.network <<'NETWORK'
[Match]
Name=en* eth*

[Network]
DHCP=ipv4
LinkLocalAddressing=ipv6

[DHCPv4]
UseMTU=true
UseDomains=true
RouteMetric=100
NETWORK
systemctl enable systemd-networkd.service systemd-resolved.service >/dev/null 2>&1
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

cat >/etc/systemd/timesyncd.conf <<'NTP'
[Time]
NTP=metadata.google.internal
NTP

# One line: ds-identify cannot read a multi-line list. Only the modules that are needed here.
cat >/etc/cloud/cloud.cfg.d/90-clawbake.cfg <<'CLOUD'
datasource_list: [ GCE ]
network: {config: disabled}
disable_root: true
users: []
preserve_hostname: false
manage_etc_hosts: false
ssh_deletekeys: false
ssh_genkeytypes: [ed25519]
cloud_init_modules: [seed_random, bootcmd, write_files, growpart, resizefs, set_hostname, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_per_boot, scripts_user, final_message]
CLOUD
# The agent does what GCE needs in a guest, but manages no accounts, disks and daemons here.
cat >/etc/default/instance_configs.cfg <<'AGENT'
[InstanceSetup]
host_keys = false
set_boto_config = false
[MetadataScripts]
startup = true
shutdown = true
AGENT

# A core dump would hold secrets. The units' limits do not apply to a pattern that is a pipe, which a package
# may install; this one drops all dumps.
mkdir -p /etc/sysctl.d
echo 'kernel.core_pattern=|/bin/false' >/etc/sysctl.d/90-clawbake.conf

cat >/etc/fstab <<FSTAB
UUID=$CLAWBAKE_ROOT_UUID / ext4 defaults,discard,errors=remount-ro 0 1
UUID=$CLAWBAKE_ESP_UUID /boot/efi vfat umask=0077,nofail,noauto 0 0
FSTAB
mkdir -p /boot/efi /boot/grub
cat >/boot/grub/grub.cfg <<GRUB
serial --unit=0 --speed=38400
terminal_output serial
search --no-floppy --fs-uuid --set=root $CLAWBAKE_ROOT_UUID
set timeout=0
menuentry 'Debian' {
  linux /vmlinuz root=UUID=$CLAWBAKE_ROOT_UUID ro console=ttyS0,38400n8d net.ifnames=1 quiet nomodeset mitigations=auto
  initrd /initrd.img
}
GRUB

# The initrd holds only the drivers of Compute Engine's disks: it is unpacked at every boot. It is rebuilt only
# if the settings change: the base may have them already.
settings() {
  cat /etc/initramfs-tools/initramfs.conf /etc/initramfs-tools/modules
}
before=$(settings)
sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf
printf '%s\n' virtio_pci virtio_scsi sd_mod nvme ext4 crc32c virtio_net gve virtio_rng >/etc/initramfs-tools/modules
[ "$(settings)" = "$before" ] || update-initramfs -u -k all

for unit in apt-daily.timer apt-daily-upgrade.timer man-db.timer e2scrub_all.timer e2scrub_reap.service \
  dpkg-db-backup.timer fstrim.timer; do
  systemctl mask "$unit" >/dev/null 2>&1
done
systemctl set-default multi-user.target >/dev/null 2>&1
