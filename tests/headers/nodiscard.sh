#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A dropped Fiber joins on the spot, which is never what the author meant: it must warn.
#
#     nodiscard.sh COMPILER INCLUDE_DIR
set -euo pipefail

compiler=$1
include=$2
source=$(dirname "$0")/nodiscard.cc
cases=$(grep -c '^#elif CASE' "$source")

compile() {
  "$compiler" -std=c++20 -fsyntax-only -I"$include" -Werror=unused-result -DCASE="$1" "$source" 2>&1
}

compile 0

for ((i = 1; i <= cases; ++i)); do
  if output=$(compile $i); then
    echo "case $i compiles, and should not"
    exit 1
  elif [[ $output != *unused-result* || $(grep -c 'error:' <<<"$output") != 1 ]]; then
    echo "case $i fails for another reason: $output"
    exit 1
  fi
done
