#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh MODEL.pml - checks a Promela model with spin, and that the check can fail.
#
# Fails on any error, on an assertion that was never reached, and on a search that was cut short.
# Each line " * MUTANT NAME ..." of the model names a macro that breaks the protocol: with it
# defined the check must find an error. If the model has a SMALL world, it is looked for there first:
# a search may have to see millions of states of the large one before it comes to the error.
# PAN_FLAGS: more flags for the C compiler, such as -DVECTORSZ=2048. Memory is bounded (MEMLIM, in
# megabytes); a model that needs more is too large to be run with every change.
set -eu

model=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# Leaves the report in $1.out. A mutant is found broken long before it has paid for an optimiser.
run() {
  name=$1
  optimise=-O2
  [ "$name" = model ] || optimise=-O0
  shift
  spin "$@" -a "$model" > "$name.spin" || { cat "$name.spin"; exit 1; }
  # Safety only: the models are finite, and what must come about is checked at their ends.
  # shellcheck disable=SC2086  # PAN_FLAGS is a list
  gcc "$optimise" -w -DSAFETY -DCOLLAPSE -DMEMLIM=1500 ${PAN_FLAGS:-} -o pan pan.c
  ./pan -m1000000 > "$name.out" 2>&1 || true
}
complain() {
  echo "$(basename "$model"): $1" >&2
  cat "$2" >&2
  exit 1
}

run model
grep -q 'errors: 0$' model.out || complain 'errors' model.out
! grep -Eq 'max search depth too small|out of memory|Search not completed' model.out ||
  complain 'the search was cut short' model.out
! grep -Eq '^[[:space:]]*[^ ]+\.pml:[0-9]+.*assert' model.out ||
  complain 'an assertion was never reached' model.out
echo "$(basename "$model"): $(grep 'states, stored' model.out | tr -s ' '), no errors"

# shellcheck disable=SC2013  # one word a line
for mutant in $(sed -n 's/^ \* MUTANT \([A-Z_0-9]*\).*/\1/p' "$model"); do
  ! grep -Eq '^#if.*SMALL' "$model" || run "$mutant" "-D$mutant" -DSMALL
  grep -Eqs 'errors: [1-9]' "$mutant.out" || run "$mutant" "-D$mutant"
  grep -Eq 'errors: [1-9]' "$mutant.out" || complain "$mutant is not noticed" "$mutant.out"
  echo "  $mutant: $(sed -n 's/^pan:[0-9]*: //p' "$mutant.out" | head -1)"
done
