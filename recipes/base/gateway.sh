#!/bin/sh
# Builds the gateway's container image in a builder VM. Its tools are installed in an overlay of the VM's
# root with the upper layer on the scratch disk, so none of them reaches the image.
# Runs as root under `unshare --mount --pid --fork --kill-child`: its mounts and processes end with it.
#
# usage: gateway.sh KIT SCRATCH   (KIT/gateway is what context.sh and container.sh read; leaves
# SCRATCH/build/gateway.tar)
# shellcheck disable=SC2154 # the settings assign them
set -eu
kit=$1 scratch=$2
# shellcheck source=/dev/null
. "$kit/gateway/settings"
build=$scratch/build tools=$scratch/tools

step() {
  echo "clawbake: $*"
}
in_tools() {
  chroot "$tools" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

mkdir -p "$scratch/upper" "$scratch/work" "$tools"
cp -R "$kit/gateway" "$build"
mkdir "$build/npm-cache"
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$tools"
mount -t proc proc "$tools/proc"
mount --rbind /sys "$tools/sys"
mount --rbind /dev "$tools/dev"
mount -t tmpfs -o mode=755 tmpfs "$tools/run"
mkdir -p "$tools/build"
mount --bind "$build" "$tools/build"
cp --remove-destination /etc/resolv.conf "$tools/etc/resolv.conf"
# Certificate authorities that the client's machine trusts beyond the public ones, during the build.
[ ! -e "$kit/certificates.pem" ] || cat "$kit/certificates.pem" >>"$tools/etc/ssl/certs/ca-certificates.crt"

step "install the container tools"
in_tools apt-get -qq --yes install buildah crun netavark ${suite:+mmdebstrap} >/dev/null
in_tools sh /build/context.sh /build /build/downloads

# Not by chroot: the kernel refuses user namespaces in one.
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount --pid --fork --kill-child sh -euc '
  cd "$1"
  shift
  pivot_root . mnt
  umount --lazy /mnt
  mount -t proc proc /proc
  exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
' sh "$tools" sh /build/nobody.sh /build /build/npm-cache container.sh
