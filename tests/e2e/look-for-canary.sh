#!/bin/sh
# Run in the guest by the guest agent, at a later start than its first, whose cloud-init would wait for this: waits
# until the gateway is ready, then looks for the gateway's token in the journal, in every process's arguments and
# on the disks, and counts lines (the journal, processes) or bytes' offsets (disks). The token is read from where
# the guest has it, so that it never has to be told.
set -eu
report=http://metadata.google.internal/computeMetadata/v1/instance/guest-attributes/canary/found

until systemctl is-active --quiet clawbake-ready.service; do
  sleep 5
done
token=$(echo /run/clawbake/secrets/*_GATEWAY_TOKEN)
count() { grep -acF -f "$token" || true; }
journal=$(journalctl --no-pager --output=export | count)
processes=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | count)
# Only what was written since the boot can hold it.
disk=$(find / -xdev -newer /run/clawbake -type f -exec cat {} + 2>/dev/null | count)
control=$(count <"$token")
curl -fsS -X PUT -H 'Metadata-Flavor: Google' \
  -d "{\"journal\":$journal,\"processes\":$processes,\"disk\":$disk,\"control\":$control}" "$report"
