#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Counts the instructions of a yield, a spawn and join, a park and unpark, a lock and unlock, and
# holds them against limits. Unlike times, counts are the same on a busy machine, and from run to run
# within one in a hundred.
#
#     bench/hot_path.sh BUILD_DIR
#
# Only the thread that runs the fibers counts, and only what is proportional to their number: two
# runs of different lengths, subtracted. A limit is a tenth above what was measured with gcc 12 when
# it was set. Who makes something faster lowers it; who must raise it says why in the commit.
set -euo pipefail

build=${1:?usage: bench/hot_path.sh BUILD_DIR}
program=$build/bench/hot_path
few=10000
many=30000
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

limits() {
  cat <<'LIST'
yield 179
spawn 525
park 307
lock 45
LIST
}

# The instructions of the thread that executed fiber_loop(), the most of several such.
count() {
  rm -f "$scratch"/*
  valgrind --tool=callgrind --separate-threads=yes --callgrind-out-file="$scratch/out" \
    "$program" "$1" "$2" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    return 1
  }
  grep -l fiber_loop "$scratch"/out-* | xargs awk '/^totals:/ { if ($2 > most) most = $2 }
    END { print most }'
}

failed=0
while read -r what limit; do
  each=$((($(count "$what" $many) - $(count "$what" $few)) / (many - few)))
  verdict=ok
  ((each <= limit)) || verdict="MORE THAN $limit" failed=1
  printf '%-6s %5d instructions, limit %5d: %s\n' "$what" "$each" "$limit" "$verdict"
done < <(limits)
exit $failed
