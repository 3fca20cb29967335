#!/bin/sh
# Builds the gateway's container image from /mnt/context with buildah, runs the install scripts of its
# npm packages, warms its caches by starting the gateway twice, and saves it as /mnt/gateway.tar. Runs
# under nobody.sh; npm's cache is /mnt/cache.
#
# usage: container.sh
# /mnt/settings assigns image, registry (npm's), scripts (none, offline or online), plugins (npm packages,
# separated by commas), plugins_into (their place in node_modules), warm (1 or empty), health_url and
# token_variable. Plugins take /mnt/plugins.sh. A warm image takes /mnt/warm.mjs, /mnt/command.json, which is the
# gateway's command, and /mnt/seed, the home directory of a fresh state disk.
# shellcheck disable=SC2154 # the settings assign them
set -eu
# shellcheck source=/dev/null
. /mnt/settings

certificates=/etc/ssl/certs/ca-certificates.crt
trust=--volume=$certificates:$certificates:ro
[ -e "$certificates" ] || trust=

# With its own storage: the user's is not touched.
buildah() {
  command buildah --root /mnt/storage --runroot /mnt/run --storage-driver overlay "$@"
}
# In a network with nothing but loopback.
offline() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --net sh -c 'ip link set lo up && exec "$@"' sh \
    buildah --root /mnt/storage --runroot /mnt/run --storage-driver overlay "$@"
}
# The container's home directory is not part of the image: each run gets a new one.
fresh_home() {
  rm -rf /mnt/home
  cp -R "$1" /mnt/home
  chown -R "$2" /mnt/home
}

echo "clawbake: installing the gateway from npm"
buildah build --isolation=chroot --layers=false --volume=/mnt/cache:/run/npm-cache ${trust:+"$trust"} \
  --build-arg "npm_config_registry=$registry" --tag "$image" /mnt/context
[ "$scripts$plugins$warm" = none ] || container=$(buildah from --pull-never "$image")

# Without npm's cache, which other bakes share.
install_scripts() {
  fresh_home /mnt/empty 0:0
  "$1" run --isolation=chroot --user=0:0 --workingdir=/app --volume=/mnt/home:/root ${trust:+"$trust"} \
    --env HOME=/root --env NODE_EXTRA_CA_CERTS="$certificates" \
    "$container" -- node /opt/npm/bin/npm-cli.js rebuild --foreground-scripts --no-update-notifier || {
    echo "an install script failed: \`scripts\` of the recipe's container is none, offline or online; \`prune\`" \
      "takes a package out that the gateway can do without" >&2
    return 1
  }
}
mkdir -p /mnt/empty
case $scripts in
none) ;;
offline)
  echo "clawbake: running the packages' install scripts, without network"
  install_scripts offline
  ;;
online)
  echo "clawbake: running the packages' install scripts"
  install_scripts buildah
  ;;
*)
  echo "container.sh: install scripts $scripts?" >&2
  exit 1
  ;;
esac

if [ -n "$plugins" ]; then
  echo "clawbake: putting plugins where the gateway looks for them"
  buildah run --isolation=chroot --user=0:0 --workingdir=/app/node_modules \
    --volume=/mnt/plugins.sh:/run/plugins.sh:ro "$container" -- sh /run/plugins.sh "$plugins_into" "$plugins"
fi

if [ -n "$warm" ]; then
  for time in "for the first time, to fill its caches" "again, warm"; do
    echo "clawbake: starting the gateway $time"
    fresh_home /mnt/seed 1000:1000
    # Offline, the gateway can neither collide with another nor phone home. The limit of half an hour is
    # for a builder VM without KVM; elsewhere it takes seconds.
    offline run --isolation=chroot --user=1000:1000 \
      --volume=/mnt/home:/home/node --volume=/mnt/warm.mjs:/run/warm.mjs:ro \
      --env HOME=/home/node --env "$token_variable=warm" \
      "$container" -- node /run/warm.mjs 1800 "$health_url" "$(cat /mnt/command.json)"
  done
fi
if [ -n "${container:-}" ]; then
  echo "clawbake: keeping what that left in the image"
  buildah commit --rm "$container" "$image"
fi

echo "clawbake: saving the container image"
buildah push "$image" "docker-archive:/mnt/gateway.tar:$image"
