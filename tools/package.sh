#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian packages of what is built: package.sh BUILD FOLDER [SUFFIX]
#   They are all that FOLDER has then. Their version is the project's (CMakeLists.txt), with SUFFIX behind it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

build=$(readlink -f "$1")
folder=$(readlink -f "$2")
suffix=${3:-}
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
export POLYCUBE_BUILD=$build POLYCUBE_PACKAGES=$folder
mkdir -p "$folder"
rm -f "$folder"/*.deb

# What debhelper writes is none of the source tree's.
work=$(mktemp -d "$build/packaging.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r packaging/. CHANGELOG.md "$work"
umask 022
chmod -R u=rwX,go=rX "$work"

# What changed is in CHANGELOG.md, which is packaged beside this. The date makes packages of one commit the same.
cat >"$work/debian/changelog" <<END
polycube ($version-1$suffix) unstable; urgency=medium

  * Version $version; what is new is in changelog.gz.

 -- Polycube maintainers <polycube@example.org>  $(git log -1 --format=%cD 2>/dev/null || date -R)
END

(cd "$work" && debian/rules binary >log 2>&1) || {
  cat "$work/log" >&2
  exit 1
}
ls "$folder"/*.deb
