#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fetch_all_test.sh PATH_TO_FETCH_ALL: from the example http_server, in every mode of hand-off.
set -u
export LC_ALL=C no_proxy='*'

program=$(realpath "${1:?usage: fetch_all_test.sh PATH_TO_FETCH_ALL}")
server=$(dirname "$program")/http_server
[[ -x $server ]] || {
  echo 'skipped: the example http_server is not built'
  exit 77
}
source "$(dirname "$0")/checks.sh"
scratch=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 $pid 2>/dev/null; rm -rf "$scratch"' EXIT

mkfifo "$scratch/out"
"$server" "$scratch/db" >"$scratch/out" &
pid=$!
exec 3<"$scratch/out"
read -r line <&3
port=${line##*:}
check 'a row to fetch' 0 '^written$' curl -sS -d 0123456789 "http://127.0.0.1:$port/rows/1"

for mode in auto monitor chaos off; do
  check "handoff $mode" 0 '^64 of 64 transfers, 704 bytes;' \
    env UMCG_HANDOFF=$mode "$program" localhost "$port" /rows/1
done
check 'on threads' 0 '^64 of 64 transfers, 704 bytes;' \
  "$program" --threads=8 localhost "$port" /rows/1
check 'no such row' 1 '^fetch_all: .*HTTP response code said error' \
  "$program" --transfers=2 127.0.0.1 "$port" /rows/2
check 'no such host' 1 '^fetch_all: nowhere.invalid: ' \
  "$program" --transfers=2 nowhere.invalid "$port" /rows/1
check 'no path' 2 '^usage: ' "$program" localhost "$port"
kill -TERM $pid
wait $pid
pid=
check 'no server' 1 '^0 of 3 transfers, 0 bytes;' \
  "$program" --transfers=3 127.0.0.1 "$port" /rows/1

# A server that closes the socket in the middle of its answer.
if command -v python3 >/dev/null; then
  mkfifo "$scratch/half"
  python3 - >"$scratch/half" <<'PYTHON' &
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"):
        connection, _ = server.accept()
        connection.recv(4096)
        connection.sendall(answer)
        connection.close()
PYTHON
  pid=$!
  read -r port <"$scratch/half"
  check 'closed before the answer' 1 '^fetch_all: .*: Server returned nothing' \
    "$program" --transfers=1 127.0.0.1 "$port" /
  check 'closed in the middle of it' 1 '^fetch_all: .*: Transferred a partial file' \
    "$program" --transfers=1 127.0.0.1 "$port" /
  wait $pid
  pid=
fi

all_passed
