# SPDX-License-Identifier: Apache-2.0
# checks.sh - for tests that run a program again and again and look at what it says. Sourced, by one
# that has a folder $scratch. At its end: all_passed.
failures=0

# check NAME WANTED_STATUS WANTED_REGEX COMMAND...: the output has a line that matches.
check() {
  local name=$1 status=$2 pattern=$3 got=0
  shift 3
  "$@" >"$scratch/text" 2>&1 || got=$?
  if [[ $got == "$status" ]] && grep -qE -- "$pattern" "$scratch/text"; then
    echo "ok: $name"
  else
    echo "FAIL: $name: exit status $got, not $status, or no line like '$pattern'"
    head -c 4000 "$scratch/text" | sed 's/^/    /'
    failures=$((failures + 1))
  fi
}

# Says so, and ends the test.
all_passed() {
  ((failures == 0)) && echo 'all passed'
  exit $((failures > 0))
}
