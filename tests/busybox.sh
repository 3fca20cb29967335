#!/bin/sh
# Fetches Debian's static busybox: bin/busybox in the working directory.
set -eu
apt-get download busybox-static >&2 || {
  apt-get update -qq
  apt-get download busybox-static
} >&2
dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x ./bin/busybox
