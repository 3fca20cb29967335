#!/bin/sh
# Builds the gateway's container image from DIR/context with buildah, warms its caches by starting the
# gateway twice, and saves it as DIR/gateway.tar. Runs as root under
# `unshare --mount --pid --fork --kill-child`: its mounts and processes end with it.
#
# usage: container.sh DIR IMAGE NPM_CACHE WARM HEALTH_URL TOKEN_VARIABLE COMMAND [ARG ...]
# WARM is the path of warm.mjs, or empty; DIR/seed is the home directory of a fresh state disk.
set -eu
dir=$1 image=$2 npm_cache=$3 warm=$4 url=$5 token=$6
shift 6

# A storage of its own: nothing of the user's is touched.
storage="--root $dir/storage --runroot $dir/run --storage-driver overlay"
# shellcheck disable=SC2086 # three options
buildah() { command buildah $storage "$@"; }

certificates=/etc/ssl/certs/ca-certificates.crt
volumes="--volume=$npm_cache:/run/npm-cache"
[ -e "$certificates" ] && volumes="$volumes --volume=$certificates:$certificates:ro"

echo "clawbake: installing the gateway from npm"
# shellcheck disable=SC2086
buildah build --isolation=chroot --layers=false $volumes --tag "$image" "$dir/context"

if [ -n "$warm" ]; then
  container=$(buildah from --pull-never "$image")
  for time in "for the first time, to fill its caches" "again, warm"; do
    echo "clawbake: starting the gateway $time"
    rm -rf "${dir:?}/home"
    cp -R "$dir/seed" "$dir/home"
    chown -R 1000:1000 "$dir/home"
    # A network of its own, with loopback alone: the gateway can neither collide nor phone home. Half an
    # hour is for a builder VM without KVM; elsewhere it takes seconds.
    # shellcheck disable=SC2086,SC2016 # three options; expanded by the inner shell
    unshare --net sh -c 'ip link set lo up && exec "$@"' sh buildah $storage run --isolation=chroot \
      --user=1000:1000 --volume="$dir/home:/home/node" --volume="$warm:/run/warm.mjs:ro" \
      --env HOME=/home/node --env "$token=warm" \
      "$container" -- node /run/warm.mjs 1800 "$url" "$@"
  done
  echo "clawbake: keeping the warm caches"
  buildah commit --rm "$container" "$image"
fi

echo "clawbake: saving the container image"
buildah push "$image" "docker-archive:$dir/gateway.tar:$image"
