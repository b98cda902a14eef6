#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sandbox_test.sh PATH_TO_SANDBOX: real programs read what they may, and nothing else.
set -u
export LC_ALL=C

program=$(realpath "${1:?usage: sandbox_test.sh PATH_TO_SANDBOX}")
source "$(dirname "$0")/checks.sh"
scratch=$(realpath "$(mktemp -d)")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
mkdir data secrets
seq 1000 >data/numbers
echo secret >secrets/key
ln -s ../secrets/key data/link
ln -s numbers data/inner

allow=--allow=/usr,/etc/ld.so.cache,$scratch/data
under_limit=(timeout 60 "$program")
sandbox=("${under_limit[@]}" "$allow")

"${sandbox[@]}" -- true >out 2>&1
if [ $? = 125 ] && grep -q 'cannot be supervised' out; then
  echo "skipped: $(cat out)"
  exit 77
fi

if command -v strace >/dev/null && strace -o /dev/null true; then
  refuse() { timeout 60 strace -o /dev/null -f -e "inject=$1" "$program" "$allow" -- true; }
  check 'no descriptor of the child' 125 'cannot be supervised' refuse pidfd_getfd:error=EPERM
  check 'no child' 125 'fork' refuse clone:error=EAGAIN:when=2
fi

sum=$(sha256sum <data/numbers)
for mode in auto monitor chaos off; do
  check "handoff $mode" 0 "^${sum%% *}  data/numbers$" \
    env UMCG_HANDOFF=$mode "${sandbox[@]}" -- sha256sum data/numbers
done
denied='Permission denied'
check 'another directory' 1 "$denied" "${sandbox[@]}" -- cat secrets/key
check 'it is reported' 1 "^sandbox: denied: $scratch/secrets/key$" "${sandbox[@]}" -- cat secrets/key
check 'by dots' 1 "$denied" "${sandbox[@]}" -- cat data/../secrets/key
check 'a link that leads out' 1 "$denied" "${sandbox[@]}" -- cat data/link
check 'a link that stays' 0 '^1000$' "${sandbox[@]}" -- cat data/inner
check 'relative to where it is' 0 '^1000$' "${sandbox[@]}" -- sh -c 'cd data && exec cat numbers'
check 'a name that only begins alike' 1 "$denied" "${under_limit[@]}" "--allow=/usr,$scratch/dat" -- cat data/numbers
check 'nothing there' 1 'No such file' "${sandbox[@]}" -- cat data/none
check 'writing' 2 "$denied" "${sandbox[@]}" -- sh -c 'echo x >data/numbers'
check 'a new file' 1 "$denied" "${sandbox[@]}" -- touch data/new
check 'what its children open' 1 "$denied" "${sandbox[@]}" -- sh -c 'sh -c "cat secrets/key"'
check 'too many descriptors' 2 'Too many open files' \
  "${sandbox[@]}" -- sh -c 'ulimit -n 4; exec 3<data/numbers 4<data/numbers 5<data/numbers'
check 'fifty at once' 0 '^50000$' \
  "${under_limit[@]}" "$allow,/dev/null" -- sh -c 'for i in $(seq 50); do cat data/numbers & done | wc -l; wait'
check 'its exit status' 7 '^$' "${sandbox[@]}" -- sh -c 'echo; exit 7'
check 'its signal' 137 '^$' "${sandbox[@]}" -- sh -c 'echo; kill -9 $$'
check 'no such program' 127 'No such file' "${sandbox[@]}" -- /no/such/program
check 'no program' 2 usage "${sandbox[@]}"

# The broker is a child of the guard, with a name of its own.
broker_of() {
  local of=$1 process
  for process in /proc/[0-9]*; do
    grep -qs '^Name:.sandbox broker$' "$process/status" &&
      grep -qs "^PPid:.$of\$" "$process/status" && echo "${process#/proc/}"
  done
}
mkfifo go
"$program" "$allow" -- sh -c 'read line; cat data/numbers' >report 2>&1 <go &
guard=$!
exec 3>go
broker=
for _ in $(seq 500); do
  broker=$(broker_of $guard)
  [ -n "$broker" ] && break
  sleep 0.02
done
kill -9 "$broker"
echo >&3
wait $guard
check 'without a broker nothing is opened' 0 'Input/output error' cat report

all_passed
