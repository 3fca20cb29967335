#!/bin/sh
# The bake as seen from inside the future image: provision, load the gateway, verify, seal.
# The offline builder runs it in a chroot, the VM builder in a booted instance.
#
# /run/clawbake-bake holds what goes in (read only): provision/NN-*.sh, gateway.tar, image.json,
# compose.yaml, verify (one step a line: `host` or `gateway`, a tab, a shell command), image-ref,
# units/, seal.sh, env (variables for the provision scripts), and in a VM clawbake-phase, to report with.
# /run/clawbake-report takes what comes out.
set -eu
input=/run/clawbake-bake
report=/run/clawbake-report
image=$(cat "$input/image-ref")
set -a
# shellcheck source=/dev/null
. "$input/env"
set +a
tab=$(printf '\t')

step() {
  echo "clawbake: $*"
}

for script in "$input"/provision/*.sh; do
  step "provision $(basename "$script")"
  sh -eu "$script"
done

step "install what tells this image, its compose file and its units"
install -d -m 0755 /etc/clawbake
install -m 0644 "$input/image.json" "$input/compose.yaml" /etc/clawbake/

cp -R "$input/units/." /etc/systemd/system/

step "start dockerd"
# With the image's configuration, which has no networking, so the host's network is not touched; and with its
# own sockets.
mkdir -p /run/bake-docker
dockerd --exec-root /run/bake-docker/exec --pidfile /run/bake-docker/pid -H unix:///run/bake-docker/sock \
  >/run/bake-docker/log 2>&1 &
dockerd=$!
export DOCKER_HOST=unix:///run/bake-docker/sock
tries=0
until docker version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$dockerd" 2>/dev/null; then
    echo "clawbake: dockerd did not start:" >&2
    tail -n 20 /run/bake-docker/log >&2
    exit 1
  fi
  sleep 0.2
done

step "load $image"
docker load --quiet --input "$input/gateway.tar"
docker image inspect --format '{{.Id}}' "$image" >"$report/image-id"

[ ! -e "$input/clawbake-phase" ] || sh "$input/clawbake-phase" verifying
while IFS=$tab read -r where command; do
  step "verify ($where) $command"
  case $where in
  host) sh -c "$command" ;;
  gateway) docker run --rm --network none --entrypoint /bin/sh "$image" -c "$command" ;;
  *)
    echo "clawbake: verify: unknown place $where" >&2
    exit 1
    ;;
  esac </dev/null || {
    echo "clawbake: verify failed: $where: $command" >&2
    exit 1
  }
done <"$input/verify"

step "stop dockerd"
kill "$dockerd"
wait "$dockerd" || true
dpkg-query --show --showformat '${Package} ${Version}\n' >"$report/packages"

step "seal"
sh -eu "$input/seal.sh"
