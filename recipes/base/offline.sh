#!/bin/sh
# Enters the root partition of a raw disk and runs the bake in it. Runs as root under
# `unshare --mount --pid --fork --kill-child`: whatever is mounted or started here, dockerd
# included, ends with this script, however that ends.
#
# usage: offline.sh DISK OFFSET SIZE WORK   (OFFSET and SIZE in bytes; WORK holds what inside.sh needs)
set -eu
disk=$1 offset=$2 size=$3 work=$4

root=$work/root
mkdir -p "$root"
mount -o "loop,offset=$offset,sizelimit=$size,discard" "$disk" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount --rbind /dev "$root/dev"
# Containers run during the bake, and the container runtime needs the host's cgroups.
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir "$root/run/clawbake-bake"
mount --bind "$work/input" "$root/run/clawbake-bake"
mount -o remount,bind,ro "$root/run/clawbake-bake"
mkdir "$root/run/clawbake-report"
mount --bind "$work/report" "$root/run/clawbake-report"

status=0
chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive CLAWBAKE_BUILDER=offline \
  sh /run/clawbake-bake/inside.sh || status=$?
if [ "$status" -eq 0 ]; then
  umount -R "$root/dev" "$root/sys" "$root/proc" "$root/tmp" "$root/run"
  fstrim "$root"
  umount "$root"
  rmdir "$root"
fi
exit "$status"
