#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats the project's C and C++ in place; with --check only says what is not formatted. C++ is in .clang-format's
# style, C for BPF and what it includes (sdk/bpf, ABI headers) in kernel style.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

mode=(-i)
[[ ${1:-} != --check ]] || mode=(--dry-run --Werror --ferror-limit=3)

sources() {
  git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h' '*.c' | sort -u | while read -r file; do
    if [[ -f $file ]]; then echo "$file"; fi
  done
}
bpf='(\.bpf\.[ch]|\.c)$|^sdk/bpf/|^(cubes|examples)/[^/]+/abi/'

status=0
sources | grep -Ev "$bpf" | xargs -r -n 20 -P "$(nproc)" clang-format-19 "${mode[@]}" || status=1
sources | { grep -E "$bpf" || true; } |
  xargs -r -n 20 clang-format-19 --style=file:tools/bpf.clang-format "${mode[@]}" || status=1
exit "$status"
