#!/bin/sh
# Builds the gateway's container image in a builder VM. The tools for it are installed in an overlay
# of the VM's root whose upper half lies on the scratch disk, so nothing of them reaches the image.
# Runs as root under `unshare --mount --pid --fork --kill-child`: its mounts and processes end with it.
#
# usage: gateway.sh KIT SCRATCH   (leaves SCRATCH/build/gateway.tar)
# shellcheck disable=SC2154 # the kit's file `container` assigns them
set -eu
kit=$1 scratch=$2
# Assigns image, suite and packages of its root (empty with a base image), scripts, warm (1 or empty),
# health_url and token_variable.
# shellcheck source=/dev/null
. "$kit/container"
build=$scratch/build tools=$scratch/tools
tab=$(printf '\t')

step() {
  echo "clawbake: $*"
}
in_tools() {
  chroot "$tools" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

mkdir -p "$scratch/upper" "$scratch/work" "$tools" "$build/downloads" "$build/npm-cache"
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$tools"
mount -t proc proc "$tools/proc"
mount --rbind /sys "$tools/sys"
mount --rbind /dev "$tools/dev"
mount -t tmpfs -o mode=755 tmpfs "$tools/run"
mkdir -p "$tools/build"
mount --bind "$build" "$tools/build"
cp --remove-destination /etc/resolv.conf "$tools/etc/resolv.conf"
# Authorities that the client's machine trusts beyond the public ones, for the time of the build.
[ ! -e "$kit/certificates.pem" ] || cat "$kit/certificates.pem" >>"$tools/etc/ssl/certs/ca-certificates.crt"

step "install the container tools"
in_tools apt-get -qq --yes install buildah crun netavark ${suite:+mmdebstrap} >/dev/null

cp -R "$kit/context" "$kit/seed" "$kit/nobody.sh" "$kit/container.sh" "$kit/warm.mjs" "$build/"
while IFS=$tab read -r name algorithm digest url; do
  step "fetch $url"
  in_tools curl -sSf --location --retry 5 --output "/build/downloads/$name" "$url"
  echo "$digest  $build/downloads/$name" | "${algorithm}sum" --check --quiet
done <"$kit/downloads"
context=$build/context
mkdir -p "$context/binaries"
if [ -e "$build/downloads/npm" ]; then
  mkdir "$context/npm"
  tar -xzf "$build/downloads/npm" -C "$context/npm" --strip-components=1
fi
[ ! -e "$build/downloads/node" ] ||
  tar -xzf "$build/downloads/node" -C "$context" --strip-components=2 package/bin/node
while IFS=$tab read -r name member; do
  if [ -n "$member" ]; then
    sh "$kit/member.sh" "$build/downloads/binary-$name" "$member" >"$context/binaries/$name"
  else
    cp "$build/downloads/binary-$name" "$context/binaries/$name"
  fi
  chmod 0755 "$context/binaries/$name"
done <"$kit/binaries"
if [ -n "$suite" ]; then
  step "make the container's Debian root"
  in_tools mmdebstrap --mode=root --variant=minbase --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    ${packages:+"--include=$packages"} "$suite" /build/context/base.tar
fi

set --
while IFS= read -r word; do
  set -- "$@" "$word"
done <"$kit/command"
# Not by chroot: the kernel gives no user namespace to who lives in one.
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount --pid --fork --kill-child sh -euc '
  cd "$1"
  shift
  pivot_root . mnt
  umount --lazy /mnt
  mount -t proc proc /proc
  exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
' sh "$tools" sh /build/nobody.sh /build /build/npm-cache \
  container.sh "$image" "$scripts" "$warm" "$health_url" "$token_variable" "$@"
