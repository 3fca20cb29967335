#!/bin/sh
# startup-script of a builder VM: fetches the kit from its metadata, runs the bake, reports how it
# ended and powers the VM off. Google's guest agent runs it as root at every boot and takes no notice
# of its failure, so a boot after the first one is an error of its own, and the word is ours to send.
set -u
kit=/run/clawbake-kit
log=/run/clawbake-builder.log
begun=/var/lib/clawbake-builder
attributes=http://metadata.google.internal/computeMetadata/v1/instance/attributes

# What is left undone must not reach the disk: units are not stopped, which would save this machine's
# random seed and logs into the image. The client reads the last word while the VM still runs.
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
# To the serial port, which tells the client that the VM lives; not every agent writes there.
{
  sh -eu "$kit/builder.sh" "$kit"
  echo $? >"$kit/status"
} 2>&1 | tee "$log" >/dev/console
if [ "$(cat "$kit/status")" = 0 ]; then
  report sealed
else
  # A report is one line of at most a thousand characters: of the last lines, the end.
  report failed "$(tail -n 12 "$log" | awk '{ printf "%s%s", between, $0; between = " | " }' | tail -c 950)"
fi
finish
