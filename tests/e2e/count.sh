#!/bin/sh
# Counts the lines of FILE that hold what the file PATTERN holds. Runs of zeros, which disks are full of,
# count as ends of lines: grep would keep each in memory as one line. Fails if there is none, as grep does.
#
# usage: count.sh PATTERN FILE
tr -s '\0' '\n' <"$2" | grep -acF -f "$1"
