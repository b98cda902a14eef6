#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang must see what the locks of umcg hold, and refuse what is not allowed under them.
#
#     thread_safety.sh COMPILER INCLUDE_DIR COMPILE_OPTIONS_CMAKE
set -euo pipefail

compiler=$1
include=$2
options=$3
source=$(dirname "$0")/thread_safety.cc
cases=$(grep -c '^#elif CASE' "$source")

grep -q 'CXX,Clang>:-Wthread-safety' "$options" || {
  echo "the clang builds of this tree are without -Wthread-safety"
  exit 1
}

compile() {
  "$compiler" -std=c++20 -fsyntax-only -I"$include" -Wthread-safety -Werror -DCASE="$1" "$source" 2>&1
}

compile 0

for ((i = 1; i <= cases; ++i)); do
  if output=$(compile $i); then
    echo "case $i compiles, and should not"
    exit 1
  elif grep 'error:' <<<"$output" | grep -qv -- '-Wthread-safety'; then
    echo "case $i fails for another reason: $output"
    exit 1
  fi
done
