#!/bin/sh
# Prints one file of a gzip'd tar. A link has no content of its own, and of two members with one name only the
# last would remain after unpacking: a recipe means neither.
#
# usage: member.sh ARCHIVE MEMBER   (with or without a leading `./` in the archive)
set -eu
archive=$1 member=$2
# Limit of a file, 1 GiB: the gateway's image has to hold it as well.
limit=1073741824

# Type and mode, size, name and target of a link.
# shellcheck disable=SC2016 # awk's fields
fields='$6 == name || $6 == "./" name { printf "%s %s", $1, $3; for (i = 6; i <= NF; i++) printf " %s", $i; print "" }'
found=$(tar --force-local --numeric-owner -tvzf "$archive" | awk -v name="$member" "$fields")
refuse() {
  echo "the member $member $*" >&2
  exit 1
}
case $found in
'') refuse "is not there: the archive holds other names" ;;
*"
"*) refuse "is there more than once: which of them is meant?" ;;
[lh]*) refuse "is a link and no file (${found#* * }): name the file that it leads to" ;;
-*) ;;
*) refuse "is no file" ;;
esac
size=${found#* }
[ "${size%% *}" -le "$limit" ] || refuse "has more than $((limit >> 20)) MiB"
tar --force-local -xzOf "$archive" "${found#* * }"
