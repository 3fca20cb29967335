#!/bin/sh
# Makes a disk as Google publishes it in the project debian-cloud, from Debian's archive: Google's
# guest agent, start-up scripts, no cloud-init. Runs as root under `unshare --mount --pid --fork
# --kill-child`: what it mounts and starts ends with it, however it ends.
#
# usage: image.sh DIR SUITE   (DIR holds packages and guest.sh, and takes disk.raw)
set -eu
# Whoever starts this may keep all to itself; in the guest others read what is made here.
umask 022
dir=$1 suite=$2
disk=$dir/disk.raw root=$dir/root
mib=1048576

# Numbered as Debian's cloud images number them, the root last so that it can grow.
truncate --size=10G "$disk"
sfdisk --quiet "$disk" <<'TABLE'
label: gpt
unit: sectors
14: start=2048, size=6144, type=21686148-6449-6E6F-744E-656564454649
15: start=8192, size=253952, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
1: start=262144, size=20707328, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
TABLE
offset=$((128 * mib)) size=$((20707328 * 512))
mkfs.ext4 -q -F -E "offset=$offset,lazy_itable_init=1,nodiscard" "$disk" $((size / 1024))k
# The size of a cluster follows the whole disk's unless told, and then there are too few for FAT32.
mkfs.vfat -F 32 -s 1 -n ESP --offset 8192 "$disk" 126976 >/dev/null 2>&1
mkdir "$root"
mount -o "loop,offset=$offset,sizelimit=$size,discard" "$disk" "$root"
root_uuid=$(findmnt --noheadings --output UUID "$root")
[ -n "$root_uuid" ] || root_uuid=$(blkid --probe --offset "$offset" --size "$size" --output value --match-tag UUID "$disk")
esp_uuid=$(blkid --probe --offset $((4 * mib)) --output value --match-tag UUID "$disk")

# A half-made disk is thrown away: no fsync for each file. Documentation has no reader here.
mmdebstrap --mode=root --variant=minbase \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --aptopt='APT::Install-Recommends "false"' \
  --include="$(grep -v '^#' "$dir/packages" | paste -sd,)" "$suite" "$root" >&2
rm -f "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/apt/apt.conf.d/99mmdebstrap"
install -m 0755 "$dir/guest.sh" "$root/tmp/guest.sh"
chroot "$root" /tmp/guest.sh "$root_uuid" "$esp_uuid" >&2
rm "$root/tmp/guest.sh"

# GRUB for BIOS: a boot sector that reads the core image at sector 2048 (GRUB_BOOT_MACHINE_KERNEL_SECTOR,
# 0x5c), whose first sector reads the rest from 2049 on (the last block list entry, 0x1f4).
chroot "$root" grub-mkimage -O i386-pc -p '(hd0,gpt1)/boot/grub' -o /tmp/core.img \
  biosdisk part_gpt ext2 normal linux search search_fs_uuid configfile echo serial gzio
put() { dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
cp "$root/usr/lib/grub/i386-pc/boot.img" "$dir/boot.img"
mv "$root/tmp/core.img" "$dir/core.img"
printf '\000\010\000\000\000\000\000\000' | put "$dir/boot.img" $((0x5c))
printf '\001\010\000\000\000\000\000\000' | put "$dir/core.img" $((0x1f4))
# 440 bytes are code; the partition table follows.
head -c 440 "$dir/boot.img" | put "$disk" 0
dd if="$dir/core.img" of="$disk" bs=512 seek=2048 conv=notrunc status=none
# For UEFI Debian's signed shim and GRUB, which looks for its configuration here.
cat >"$dir/grub.cfg" <<CFG
search --no-floppy --fs-uuid --set=root $root_uuid
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
CFG
esp=$disk@@4M
mmd -i "$esp" ::EFI ::EFI/BOOT ::EFI/debian
mcopy -i "$esp" "$root/usr/lib/shim/shimx64.efi.signed" ::EFI/BOOT/BOOTX64.EFI
mcopy -i "$esp" "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" ::EFI/BOOT/grubx64.efi
mcopy -i "$esp" "$dir/grub.cfg" ::EFI/debian/grub.cfg
fstrim "$root"
umount "$root"
