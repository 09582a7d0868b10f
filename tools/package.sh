#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian packages of what is built: package.sh BUILD [SUFFIX]
#   They lie in BUILD/packages. Their version is the project's (CMakeLists.txt), with SUFFIX behind it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

build=$(readlink -f "$1")
suffix=${2:-}
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
export POLYCUBE_BUILD=$build POLYCUBE_PACKAGES=$build/packages

# What debhelper writes is none of the source tree's.
work=$build/packaging
rm -rf "$work" "$POLYCUBE_PACKAGES"
mkdir -p "$work" "$POLYCUBE_PACKAGES"
cp -r packaging/. CHANGELOG.md "$work"
umask 022
chmod -R u=rwX,go=rX "$work"

# What changed is in CHANGELOG.md, which is packaged beside this. The date makes packages of one commit the same.
cat >"$work/debian/changelog" <<END
polycube ($version-1$suffix) unstable; urgency=medium

  * Version $version; see NEWS or changelog.gz for what is new.

 -- Polycube maintainers <polycube@example.org>  $(git log -1 --format=%cD 2>/dev/null || date -R)
END

cd "$work"
debian/rules binary >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
ls "$POLYCUBE_PACKAGES"/*.deb
