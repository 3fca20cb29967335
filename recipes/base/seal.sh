#!/bin/sh
# Removes from an image what belongs to one machine, and what no machine needs.
set -eu
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/hostname /etc/ssh/ssh_host_*
# The guest agent's record of this machine, and what it creates on a machine's first boot.
rm -f /etc/google_instance_id /etc/instance_id /etc/boto.cfg /etc/sudoers.d/google_sudoers
rm -rf /var/lib/google /var/lib/google-* /etc/systemd/network/*google-guest-agent*
rm -f /etc/netplan/* /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
rm -rf /var/lib/cloud /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
rm -rf /root/.cache /root/.docker /var/tmp/* /etc/docker/key.json
find /var/log -type f -delete
journalctl --version >/dev/null && rm -rf /var/log/journal
# All of /usr is known to ldconfig, the journal's catalogue and sysusers: without these they start anew at first boot.
touch /etc/.updated /var/.updated
