#!/bin/sh
# Gathers in DIR/context what the gateway's Containerfile copies: npm, Node, binaries, a Debian root.
# Both builders run it as root. CACHE keeps downloads by their digest.
#
# usage: context.sh DIR CACHE
# DIR/settings assigns suite (empty: no Debian root) and packages. DIR/sources has a line for each file of
# the context, its fields separated by tabs: path, digest algorithm, digest, URL and, for an archive, the
# member to take (`*` for all of it).
# shellcheck disable=SC2154 # the settings assign them
set -eu
dir=$1 cache=$2
# shellcheck source=/dev/null
. "$dir/settings"
tab=$(printf '\t')

step() {
  echo "clawbake: $*"
}
refuse() {
  echo "$*" >&2
  exit 1
}
# digest_of FILE
digest_of() {
  found=$("${algorithm}sum" <"$1")
  echo "${found%% *}"
}
# Downloads $url to $file and checks its digest.
fetch() {
  if [ -e "$file" ] && [ "$(digest_of "$file")" = "$digest" ]; then
    return
  fi
  step "fetch $url"
  case $url in
  file://*) cp "${url#file://}" "$file.part" ;;
  *) curl --disable --globoff --proto =http,https -sSf --location --retry 5 --output "$file.part" --url "$url" ;;
  esac
  found=$(digest_of "$file.part")
  if [ "$found" != "$digest" ]; then
    rm "$file.part"
    case $path in
    binaries/*) refuse "$url has the $algorithm $found, the recipe wants $digest: if the release is the one you" \
      "mean, correct \`$algorithm\` of $what" ;;
    *) refuse "$url is not what npm says it is: its $algorithm is $found and not $digest" ;;
    esac
  fi
  mv "$file.part" "$file"
}

mkdir -p "$dir/context" "$cache"
while IFS=$tab read -r path algorithm digest url member; do
  file=$cache/$digest to=$dir/context/$path
  case $path in
  binaries/*) what="the binary \`${path#*/}\`" remedy="; correct its \`member\`" ;;
  *) what=$path remedy= ;;
  esac
  fetch
  mkdir -p "${to%/*}"
  case $member in
  '*')
    mkdir "$to"
    tar --force-local -xzf "$file" -C "$to" --strip-components=1
    continue
    ;;
  '') cp "$file" "$to" ;;
  *) sh "$dir/member.sh" "$file" "$member" >"$to" || refuse "$url does not hold $what$remedy" ;;
  esac
  chmod 0755 "$to"
done <"$dir/sources"

if [ -n "$suite" ]; then
  step "make the container's Debian root"
  # To stdout: mmdebstrap's arguments have a syntax of their own, and a path may hold anything.
  mmdebstrap --mode=root --variant=minbase --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    ${packages:+"--include=$packages"} "$suite" - >"$dir/context/base.tar"
fi
