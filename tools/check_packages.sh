#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian packages, checks them with lintian, and installs, runs, upgrades and removes them in a minimal Debian
# system, made for that from a mirror (MIRROR=URL): check_packages.sh BUILD
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

build=$(readlink -f "$1")
mirror=${MIRROR:-http://deb.debian.org/debian}
system=$(mktemp -d /var/tmp/polycube-system.XXXXXX)
trap 'rm -rf "$system" "$system.log"' EXIT

tools/package.sh "$build" "$build/packages"
lintian --allow-root --fail-on error,warning "$build"/packages/*.deb
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
debootstrap --variant=minbase --include=iproute2,iputils-ping "$suite" "$system" "$mirror" >"$system.log" || {
  cat "$system.log" >&2
  exit 1
}
POLYCUBE_BUILD=$build POLYCUBE_TEST_SYSTEM=$system /usr/bin/python3 -B -m pytest -q -p no:cacheprovider \
  tests/netns/test_package.py
