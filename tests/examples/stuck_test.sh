#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stuck_test.sh PATH_TO_STUCK: it hangs as docs/debugging.md says, and its dump tells why.
set -euo pipefail
"$1" --right | grep -c ' orders; the last' | grep -qx 3

errors=$(mktemp)
"$1" >/dev/null 2>"$errors" &
pid=$!
trap 'kill -KILL "$pid" 2>/dev/null || true; rm -f "$errors"' EXIT
# Until it catches SIGQUIT, which is the third bit.
until ((0x$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status") & 4)); do sleep 0.05; done
# It needs a moment to get stuck; each signal asks for another dump.
for ((i = 0; i < 600; ++i)); do
  kill -QUIT "$pid"
  sleep 0.2
  if grep -qE '"journal": parked, waits for the mutex 0x[0-9a-f]+, which fiber [0-9]+ "order [0-9]+" has' "$errors" &&
    grep -qE '"order [0-9]+": parked, waits for the channel 0x' "$errors" &&
    grep -q 'keep_journal' "$errors" && grep -qE '#[0-9]+ .*book\(' "$errors"; then
    exit 0
  fi
done
cat "$errors"
exit 1
