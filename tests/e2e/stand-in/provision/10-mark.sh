#!/bin/sh
# Leaves a mark by which the test knows that the recipe's own scripts have run.
set -eu
echo provisioned >/etc/stand-in
