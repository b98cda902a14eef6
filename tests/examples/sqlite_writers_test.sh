#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sqlite_writers_test.sh - the example sqlite_writers, in every mode of hand-off.
#
#     bash tests/examples/sqlite_writers_test.sh PATH_TO_SQLITE_WRITERS
set -u
export LC_ALL=C

program=$(realpath "${1:?usage: sqlite_writers_test.sh PATH_TO_SQLITE_WRITERS}")
source "$(dirname "$0")/checks.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

for mode in auto monitor chaos off; do
  check "handoff $mode" 0 '^rows: 128 of 128$' \
    env UMCG_HANDOFF=$mode "$program" --writers=32 --transactions=4 db
done
check 'a file that was there before' 0 '^rows: 3 of 3$' "$program" --writers=3 --transactions=1 db
check 'the computing is reported' 0 'beside the writers: +[0-9]+ units/s' "$program" --writers=1 db
check 'no writers' 0 '^rows: 0 of 0$' "$program" --writers=0 db
check 'no file' 2 'usage' "$program"
check 'a negative number' 2 'usage' "$program" --writers=-1 db
check 'a folder that is not there' 1 'unable to open' "$program" no/such/db

all_passed
