#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles every public header alone, and twice over to prove its guard. kernel.h also as C11. With
# flags: all of them at once.
#
#     check.sh COMPILER INCLUDE_DIR [FLAG...]
set -euo pipefail

compiler=$1
include=$2
shift 2

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Werror)
failed=0

# compile HEADER FLAG...
compile() {
  local header=$1
  shift
  printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
    "$compiler" -fsyntax-only -I"$include" "${warnings[@]}" "$@" - || {
    echo "does not compile alone: $header ($*)"
    failed=1
  }
}

# compile_all FLAG...
compile_all() {
  printf '#include "%s"\n' "${headers[@]}" |
    "$compiler" -fsyntax-only -I"$include" "${warnings[@]}" -x c++ -std=c++20 "$@" - || {
    echo "do not compile with $*"
    failed=1
  }
}

mapfile -t headers < <(cd "$include" && find umcg -name '*.h' | sort)
if (($#)); then
  compile_all "$@"
  exit $failed
fi

for header in "${headers[@]}"; do
  compile "$header" -x c++ -std=c++20
done

if [[ -e $include/umcg/kernel.h ]]; then
  compile umcg/kernel.h -x c -std=c11 -pedantic-errors
fi

exit $failed
