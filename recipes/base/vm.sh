#!/bin/sh
# startup-script of a builder VM: fetches the kit from the metadata, runs the bake, reports its outcome and
# powers the VM off. Google's guest agent runs it as root at every boot and ignores its failure, so a second
# boot is an error, and the script reports by itself.
set -u
kit=/run/clawbake-kit
log=/run/clawbake-builder.log
begun=/var/lib/clawbake-builder
attributes=http://metadata.google.internal/computeMetadata/v1/instance/attributes

# Power off without stopping units, which would save this machine's random seed and logs into the image. The
# client reads the last report while the VM still runs.
finish() {
  sync
  sleep 10
  systemctl poweroff --force
  exit
}
report() {
  sh "$kit/clawbake-phase" "$@"
}

umask 022
mkdir -p "$kit"
if ! curl -sSf -H 'Metadata-Flavor: Google' --retry 8 --retry-connrefused "$attributes/clawbake-kit" |
  base64 -d | tar -xz -C "$kit" || [ ! -e "$kit/builder.sh" ]; then
  echo "clawbake: the metadata holds no kit"
  finish
fi
if [ -e "$begun" ]; then
  report failed "the VM was started again in the middle of the bake"
  finish
fi
mkdir "$begun"
report provisioning
# To the serial port, which shows the client that the VM is alive; not every agent writes there.
{
  sh -eu "$kit/builder.sh" "$kit"
  echo $? >"$kit/status"
} 2>&1 | tee "$log" >/dev/console
if [ "$(cat "$kit/status")" = 0 ]; then
  report sealed
else
  # A report is one line of at most a thousand characters: take the end of the log's last lines.
  report failed "$(tail -n 12 "$log" | awk '{ printf "%s%s", between, $0; between = " | " }' | tail -c 950)"
fi
finish
