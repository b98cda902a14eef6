#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# copy_files_test.sh PATH_TO_COPY_FILES: it and what it was before do the same.
set -euo pipefail
export LC_ALL=C
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir "$scratch/from" "$scratch/from/folder"
for i in {1..200}; do head -c $((i * 37)) /dev/urandom >"$scratch/from/$i"; done
rmdir "$scratch/from/folder"
for program in "$1" "${1}_before"; do
  rm -rf "$scratch/to"
  mkdir "$scratch/to"
  "$program" "$scratch/from" "$scratch/to" 20 | grep -qE '^200 files, 743700 bytes; '
  diff -r "$scratch/from" "$scratch/to"
  [[ $("$program" "$scratch/no" "$scratch/to" 20 2>&1) == *'No such file'* ]]
  mkdir "$scratch/to/folder"
  touch "$scratch/from/folder"
  said=$("$program" "$scratch/from" "$scratch/to" 20 2>&1) && exit 1
  rm "$scratch/from/folder"
  grep -qE '^copy_files: .*folder' <<<"$said"
  grep -qE '^200 files, 743700 bytes; ' <<<"$said"
  [[ $("$program" "$scratch/from" "$scratch/to" 0 2>&1) == 'usage: '* ]]
done
