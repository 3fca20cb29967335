#!/bin/sh
# Runs a script of DIR as root of a user namespace, whose users are nobody's on this machine: whatever
# it runs owns DIR and CACHE, and nothing else. Runs as root under
# `unshare --mount --pid --fork --kill-child --mount-proc`: its mounts and processes end with it.
#
# usage: nobody.sh DIR CACHE SCRIPT [ARG ...]   (the script sees DIR as /mnt and CACHE as /mnt/cache: no
# path of this machine is an argument of the tools in there, which split them at `:` and `,`)
set -eu
dir=$1 cache=$2 script=$3
shift 3
# It ends by killing all processes that it can see.
[ $$ -eq 1 ] || {
  echo "nobody.sh needs a process namespace of its own" >&2
  exit 1
}

# The last 65,536 of the ids that systemd reserves for containers; useradd assigns none of them.
ids=1878982656
mkdir -p "$dir/cache" "$dir/tmp"
chown -R "$ids:$ids" "$dir" "$cache"
mount --bind "$dir" /mnt
mount --bind "$cache" /mnt/cache
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
# buildah keeps its locks there, wherever its storage is.
mkdir -p /run/lock
mount -t tmpfs tmpfs /run/lock
# buildah looks for its settings there and fails if it may not. The real one is nobody's to read.
mount -t tmpfs -o mode=755 tmpfs /root

unshare --user sleep infinity &
holder=$!
until [ "$(readlink "/proc/$holder/ns/user")" != "$(readlink /proc/1/ns/user)" ]; do
  kill -0 "$holder" 2>/dev/null || {
    echo "this kernel gives no user namespaces: see /proc/sys/user/max_user_namespaces" >&2
    exit 1
  }
  sleep 0.05
done
echo "0 $ids 65536" >"/proc/$holder/uid_map"
echo "0 $ids 65536" >"/proc/$holder/gid_map"

status=0
nsenter --user --target "$holder" -- unshare --mount \
  env HOME=/mnt/tmp TMPDIR=/mnt/tmp sh "/mnt/$script" "$@" || status=$?

# None of its processes may still write when its results are taken over, and these must be files, not links.
while kill -KILL -1 2>/dev/null; do
  sleep 0.05
done
umount /mnt/cache /mnt /tmp /var/tmp /run/lock /root
odd=$(find "$dir" -maxdepth 1 ! -type f ! -type d)
[ -z "$odd" ] || {
  echo "left behind, and neither a file nor a directory: $odd" >&2
  exit 1
}
find "$dir" -maxdepth 1 -exec chown 0:0 {} +
exit "$status"
