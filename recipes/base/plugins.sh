#!/bin/sh
# Puts npm packages where the gateway looks for its own plugins, so that it finds and trusts them without
# network. Runs in node_modules, after the install scripts: the gateway's own would take out again what is
# no part of its package.
#
# What a plugin depends on stays outside, behind a link: OpenClaw loads all that is below its own directory
# as modules, and some of it is not.
#
# usage: plugins.sh INTO PACKAGES   (PACKAGES are separated by commas)
set -euf
into=$1
IFS=,
for package in $2; do
  plugin=$into/${package##*/}
  if [ -e "$plugin" ]; then
    echo "the gateway has ${package##*/} itself: drop $package from the recipe's \`plugins\`" >&2
    exit 1
  fi
  mv "$package" "$plugin"
  [ -d "$plugin/node_modules" ] || continue
  mkdir -p "$package"
  mv "$plugin/node_modules" "$package/node_modules"
  ln -s "$PWD/$package/node_modules" "$plugin/node_modules"
done
