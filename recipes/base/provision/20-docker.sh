#!/bin/sh
# Docker for a single gateway: no bridge and no packet filter, since the gateway's container shares the host's
# network; short logs; containers that survive a restart of the daemon.
set -eu
install -d -m 0755 /etc/docker
cat >/etc/docker/daemon.json <<'JSON'
{
  "bridge": "none",
  "iptables": false,
  "ip6tables": false,
  "live-restore": true,
  "log-driver": "local",
  "log-opts": {"max-size": "5m", "max-file": "2"},
  "storage-driver": "overlay2"
}
JSON
docker compose version
