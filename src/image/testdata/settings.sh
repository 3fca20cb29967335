#!/bin/sh
# Prints what the settings of a container assign.
#
# usage: settings.sh SETTINGS
# shellcheck disable=SC2154 # the settings assign them
set -eu
# shellcheck source=/dev/null
. "$1"
printf '%s\n' "$image" "$registry" "$suite" "$packages" "$scripts" "$plugins" "$plugins_into" "$warm" "$health_url" "$token_variable"
