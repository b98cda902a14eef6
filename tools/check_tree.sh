#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rules of the tree that no compiler checks. Prints each breach; fails if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

max_lines=500

# The files of src/ that may touch thread-local state. Elsewhere a compiler may keep its address
# across a switch, after which the fiber can be on another thread.
thread_local_allowed=(
  src/runtime/context/thread_state.cc
  src/runtime/context/thread_state.h
  src/kernel_shim/registration.cc
  src/kernel_shim/futex.cc
  src/kernel_shim/task_table.cc
  src/kernel_shim/shared/system_calls.cc
)

code=$(find include src tests bench examples tools cmake \
  -type f ! -name check_tree.sh \( -name '*.h' -o -name '*.cc' -o -name '*.c' -o -name '*.S' \
  -o -name '*.sh' -o -name '*.py' -o -name '*.pml' -o -name '*.cmake' -o -name 'CMakeLists.txt' \))
product=$(grep -E '^(include|src)/' <<<"$code")
failed=0

# breach RULE: the lines on standard input break it.
breach() {
  local found
  found=$(cat)
  [[ -z $found ]] || {
    printf '%s:\n%s\n\n' "$1" "$found"
    failed=1
  }
}

# search REGEX FILE...: file:line: text, without comments and #include lines.
search() {
  local regex=$1
  shift
  awk -v regex="$regex" '
    { text = $0; sub(/\/\/.*/, "", text) }
    text !~ /^#include/ && text ~ regex { print FILENAME ":" FNR ":" $0 }' "$@"
}

# shellcheck disable=SC2086  # no path has a space
{
  breach "longer than $max_lines lines" < <(wc -l $product | awk -v max=$max_lines '$1 > max && $2 != "total"')

  breach 'TODO without an issue number: write TODO(#12)' < <(
    grep -nE '\b(TODO|FIXME|XXX)\b' $code | grep -vE 'TODO\(#[0-9]+\)' || true)

  breach 'no licence line in the first two lines' < <(
    for file in $code; do
      head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"
    done)

  breach 'thread-local state outside its files' < <(
    search '(^|[^A-Za-z0-9_])(thread_local|__thread|__errno_location|errno)([^A-Za-z0-9_]|$)' \
      $(grep '^src/' <<<"$product" | grep -vxF "$(printf '%s\n' "${thread_local_allowed[@]}")"))

  breach 'a public header includes a private one' < <(
    grep -nE '#include "' $(grep '^include/' <<<"$product") | grep -vE '#include "umcg/' || true)

  breach 'the kernel shim includes the runtime' < <(
    grep -rnE '#include "runtime/' src/kernel_shim || true)
}

exit $failed
