#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# graceful_test.sh PATH_TO_GRACEFUL: the process is sent a signal as an init system would send it.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for signal in TERM INT; do
  mkfifo "$scratch/output"
  # A shell starts its background jobs with SIGINT ignored; a blocked signal is kept all the same.
  "$1" >"$scratch/output" &
  exec 3<"$scratch/output"
  read -r line <&3
  [[ $line == ready ]]
  kill -"$signal" $!
  diff <(printf 'signal %d\nall answered\n' "$(kill -l "$signal")") - <&3
  wait $!
  exec 3<&-
  rm "$scratch/output"
done
