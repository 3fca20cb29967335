#!/bin/sh
# The bake in a builder VM: turns a published Debian into what the offline builder makes. Its own files are
# on a scratch disk that is deleted with the VM.
#
# usage: builder.sh KIT   (KIT holds what the client packed)
set -eu
kit=$1
scratch=/mnt/clawbake-scratch

step() {
  echo "clawbake: $*"
}

step "prepare a scratch disk"
# Google's udev rules name it google-*, Debian's own after the SCSI vendor.
for disk in /dev/disk/by-id/google-clawbake-scratch /dev/disk/by-id/scsi-0Google_PersistentDisk_clawbake-scratch; do
  [ ! -b "$disk" ] || break
done
mkfs.ext4 -q -F -E nodiscard "$disk"
mkdir -p "$scratch"
mount -o noatime,nobarrier "$disk" "$scratch"

# As in the offline builder's root: no documentation, no services started by packages, and no fsync for each
# file, since an unfinished image is thrown away.
export DEBIAN_FRONTEND=noninteractive
# Units are for the next boot: systemctl only writes links and leaves the running system alone.
export SYSTEMD_OFFLINE=1
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
cat >/etc/dpkg/dpkg.cfg.d/clawbake-builder <<'DPKG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
DPKG
# Google's images update themselves in the background and hold apt's lock.
cat >/etc/apt/apt.conf.d/95clawbake-builder <<'APT'
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
DPkg::Lock::Timeout "600";
APT

# Each Python package would start an interpreter to compile itself: one for all is quicker.
dpkg-divert --quiet --local --rename --add /usr/bin/py3compile
ln -s /bin/true /usr/bin/py3compile

step "install packages"
apt-get -qq update
# Before the container, which takes longer: a package that does not exist fails the bake early.
xargs -a "$kit/packages" apt-get -qq --yes install >/dev/null
rm /usr/bin/py3compile
dpkg-divert --quiet --local --rename --remove /usr/bin/py3compile
python3 -m compileall -q -j 0 /usr/lib/python3/dist-packages || step "some of Python was not compiled"

unshare --mount --pid --fork --kill-child sh -eu "$kit/gateway.sh" "$kit" "$scratch"

cp -R "$kit/input" "$scratch/input"
mv "$scratch/build/gateway.tar" "$scratch/input/gateway.tar"
cp "$kit/clawbake-phase" "$scratch/input/"
{
  echo "CLAWBAKE_ROOT_UUID=$(findmnt --noheadings --output UUID /)"
  echo "CLAWBAKE_ESP_UUID=$(findmnt --fstab --evaluate --noheadings --output UUID /boot/efi)"
} >"$scratch/input/env"
ln -s "$scratch/input" /run/clawbake-bake
mkdir /run/clawbake-report
# The boot loader's configuration names kernel and initrd by these links, which some images lack.
[ -e /vmlinuz ] || ln -s "boot/vmlinuz-$(uname -r)" /vmlinuz
[ -e /initrd.img ] || ln -s "boot/initrd.img-$(uname -r)" /initrd.img
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 CLAWBAKE_BUILDER=vm \
  sh /run/clawbake-bake/inside.sh

step "leave nothing of the builder"
rm /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/clawbake-builder /etc/apt/apt.conf.d/95clawbake-builder
umount "$scratch"
rmdir "$scratch" /var/lib/clawbake-builder
fstrim /
