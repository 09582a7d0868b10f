#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The steps of `./run check`: one line each, with its time; the output of a step is shown when it fails.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1

steps=(wording format layers abi headers reference lints sanitize fuzz tidy)
jobs=${JOBS:-$(nproc)}

# Files of the project: tracked ones and new ones that are not ignored.
files() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
  [[ -f $file ]] && echo "$file"
done; }

step_wording() { files | /usr/bin/python3 -B tools/check_wording.py; }

step_format() { tools/format.sh --check; }

step_layers() { /usr/bin/python3 -B tools/check_layers.py .; }

step_abi() { /usr/bin/python3 -B tools/check_headers.py --abi .; }

step_headers() { /usr/bin/python3 -B tools/check_headers.py --jobs "$jobs" .; }

step_reference() { /usr/bin/python3 -B tools/make_reference.py .; }

step_lints() { /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tools/tests; }

step_sanitize() {
  ./run build asan &&
    ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
      ctest --test-dir build-asan --label-regex '^unit$' --output-on-failure --no-tests=error --parallel "$jobs"
}

step_fuzz() {
  ./run build fuzz && /usr/bin/python3 -B tools/run_fuzzers.py build-fuzz --seconds "${FUZZ_SECONDS:-20}" --jobs "$jobs"
}

step_tidy() { /usr/bin/python3 -B tools/run_tidy.py --build build --seconds "${TIDY_SECONDS:-300}" --jobs "$jobs"; }

if [[ ${1:-} == -l ]]; then
  printf '%s\n' "${steps[@]}"
  exit
fi
selected=("$@")
[[ $# -gt 0 ]] || selected=("${steps[@]}")

# Without git's list of files several steps would find nothing to complain about.
git ls-files --error-unmatch run >/dev/null || exit 1

output=$(mktemp)
trap 'rm -f "$output"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
failed=0
for step in "${selected[@]}"; do
  if ! declare -F "step_$step" >/dev/null; then
    echo "no step '$step'; the steps are: ${steps[*]}" >&2
    exit 1
  fi
  SECONDS=0
  if "step_$step" >"$output" 2>&1; then
    printf 'ok    %-10s %4d s   %s\n' "$step" "$SECONDS" "$(tail -n 1 "$output" | cut -c 1-90)"
  else
    printf 'FAIL  %-10s %4d s\n' "$step" "$SECONDS"
    tail -n 200 "$output" | sed 's/^/      /'
    failed=1
  fi
done
exit "$failed"
