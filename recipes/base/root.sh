#!/bin/sh
# Partitions a raw disk, makes the root file system of a base in its ext4 partition, and leaves the boot
# loader's parts in OUT. Runs as root under `unshare --mount`, so that the mount goes with it.
#
# usage: root.sh DISK OFFSET SIZE UUID SUITE PACKAGES OUT
# OFFSET and SIZE of the root file system are in bytes, UUID is its id; OUT/partitions is for sfdisk.
set -eu
disk=$1 offset=$2 size=$3 uuid=$4 suite=$5 packages=$6 out=$7

echo "clawbake: make the partitions and the root file system"
sfdisk --quiet "$disk" <"$out/partitions"
mkfs.ext4 -q -F -L clawbake-root -U "$uuid" -E "offset=$offset,lazy_itable_init=1,nodiscard" \
  "$disk" "$((size / 1024))k"

# mmdebstrap's hooks are shell and apt's configuration has its own quoting: keep paths of this machine out
# of both.
mount --bind "$out" /mnt
root=/mnt/root
mkdir -p "$root"
mount -o "loop,offset=$offset,sizelimit=$size,discard" "$disk" "$root"
# bookworm has Docker but not compose v2: take the plugin from trixie, a single program that needs only
# bookworm's C library.
cat >"$out/compose-plugin" <<'HOOK'
set -eu
root=$1
[ -e "$root/usr/libexec/docker/cli-plugins/docker-compose" ] && exit 0
echo 'deb http://deb.debian.org/debian trixie main' >"$root/etc/apt/sources.list.d/trixie.list"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" # the host's apt, the target's sources and keys
apt-get update -q
cd "$root/tmp"
apt-get download -q docker-compose/trixie
dpkg-deb -x docker-compose_*.deb plugin
install -D "$root/tmp/plugin/usr/libexec/docker/cli-plugins/docker-compose" "$root/usr/libexec/docker/cli-plugins/docker-compose"
rm -rf "$root/tmp/plugin" "$root"/tmp/docker-compose_*.deb "$root/etc/apt/sources.list.d/trixie.list"
HOOK

echo "clawbake: install $suite from Debian's archive"
# Without a mirror, mmdebstrap takes Debian's own with its security and point-release updates.
# No documentation in a golden image, and no fsync for each file: an unfinished root is thrown away.
mmdebstrap --mode=root --variant=minbase \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --aptopt='APT::Install-Recommends "false"' \
  --customize-hook="sh /mnt/compose-plugin \"\$1\"" \
  --include="$packages" "$suite" "$root" >&2
rm -f "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"

# GRUB for BIOS: a core image that finds its configuration on the root partition (gpt1).
chroot "$root" grub-mkimage -O i386-pc -p '(hd0,gpt1)/boot/grub' -o /tmp/core.img \
  biosdisk part_gpt ext2 normal linux search search_fs_uuid configfile echo serial gzio
mv "$root/tmp/core.img" "$out/core.img"
cp "$root/usr/lib/grub/i386-pc/boot.img" "$out/boot.img"
# GRUB for UEFI: Debian's signed shim and GRUB, so that Secure Boot holds.
cp "$root/usr/lib/shim/shimx64.efi.signed" "$out/BOOTX64.EFI"
cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$out/grubx64.efi"
fstrim "$root"
umount "$root"
rmdir "$root"
rm "$out/compose-plugin"
