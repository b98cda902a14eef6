#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# http_server_test.sh PATH_TO_HTTP_SERVER: rows are written and read, on fibers in every mode of
# hand-off and on a pool of threads; what goes wrong is answered clearly, and the service goes on.
set -u
export LC_ALL=C

program=$(realpath "${1:?usage: http_server_test.sh PATH_TO_HTTP_SERVER}")
command -v python3 >/dev/null || {
  echo 'skipped: no python3'
  exit 77
}
scratch=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 $pid 2>/dev/null; rm -rf "$scratch"' EXIT
failures=0

# start [VARIABLE=VALUE|WRAPPER...] -- ARGUMENT...: a server that $pid and $port name.
start() {
  local before=()
  while [[ $1 != -- ]]; do
    before+=("$1")
    shift
  done
  shift
  rm -f "$scratch/out"
  mkfifo "$scratch/out"
  env "${before[@]}" "$program" "$@" >"$scratch/out" 2>"$scratch/err" &
  pid=$!
  exec 3<"$scratch/out"
  port=
  local line
  read -r line <&3 && port=${line##*:}
}

# ends NAME: it ends well when asked to.
ends() {
  kill -TERM $pid
  check "$1: the end" stopped cat <&3
  exec 3<&-
  wait $pid || fail "$1: exit status $?"
  pid=
}

fail() {
  echo "FAIL: $1"
  failures=$((failures + 1))
}

# check NAME REGEX COMMAND...: the output has a line that matches.
check() {
  local name=$1 pattern=$2 output
  shift 2
  output=$("$@" 2>&1)
  if grep -qE -- "$pattern" <<<"$output"; then
    echo "ok: $name"
  else
    fail "$name: no line like '$pattern'"
    head -c 2000 <<<"$output" | sed 's/^/    /'
    sed 's/^/    server: /' "$scratch/err"
  fi
}

# request METHOD PATH [BODY]: the status and the text of the answer.
request() {
  python3 - "$port" "$@" <<'PYTHON'
import http.client, sys
port, method, path = sys.argv[1:4]
body = sys.argv[4] if len(sys.argv) > 4 else None
if body and body.startswith("size:"):
    body = "x" * int(body[5:])
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=120)
connection.request(method, path, body)
answer = connection.getresponse()
print(answer.status, answer.read().decode().strip())
PYTHON
}

# bytes TEXT [end]: sends it, and that no more will follow, and prints what comes back.
bytes() {
  python3 - "$port" "$@" <<'PYTHON'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=120) as s:
    s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
    if len(sys.argv) > 3:
        s.shutdown(socket.SHUT_WR)
    while data := s.recv(4096):
        sys.stdout.write(data.decode())
PYTHON
}

# Many at once, each writes and reads rows of its own; then all sockets are closed half-way.
crowd() {
  python3 - "$port" <<'PYTHON'
import http.client, socket, struct, sys, threading
port = int(sys.argv[1])
wrong = []
def client(n):
    try:
        for i in range(3):
            for method, body in (("POST", f"value {n} {i}"), ("GET", None)):
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                c.request(method, f"/rows/{n * 10 + i}", body)
                a = c.getresponse()
                text = a.read().decode().strip()
                if a.status != 200 or text != (body and "written" or f"value {n} {i}"):
                    wrong.append((a.status, text))
                c.close()
    except OSError as e:
        wrong.append(e)
threads = [threading.Thread(target=client, args=(n,)) for n in range(1, 33)]
for t in threads: t.start()
for t in threads: t.join()
for _ in range(50):  # reset in the middle of a body, and in the middle of an answer
    s = socket.create_connection(("127.0.0.1", port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(b"POST /rows/1 HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf" if _ % 2 else
              b"GET /rows/11 HTTP/1.1\r\n\r\n" * 20)
    s.close()
print("wrong:", wrong)
PYTHON
}

for mode in auto monitor chaos off pool; do
  name="handoff $mode"
  if [[ $mode == pool ]]; then
    name='a pool of threads'
    start -- --pool=8 "$scratch/db.$mode"
  else
    start UMCG_HANDOFF=$mode -- "$scratch/db.$mode"
  fi
  check "$name: many at once" '^wrong: \[\]$' crowd
  check "$name: after sockets that were closed" '^200 value 1 1$' request GET /rows/11
  ends "$name"
done

start -- --in_flight=2 "$scratch/db"
check 'two connections at once' '^wrong: \[\]$' crowd
check 'no such row' '^404 no such row$' request GET /rows/999
check 'no such path' "^404 cannot do this: '/nothing'$" request GET /nothing
check 'no value' '^400 a row needs a value$' request POST /rows/1 ''
check 'too large a value' '^413 ' request POST /rows/1 size:2000000
check 'not HTTP' '^HTTP/1.1 400 ' bytes 'nonsense\r\n\r\n'
check 'half a request' '^$' bytes 'GET /rows/11 HT' end
long=$(printf '%08000d' 0)
check 'a deep regular expression, path' '^HTTP/1.1 404 ' \
  bytes "GET /rows/$long HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n"
check 'a deep regular expression, header' '^HTTP/1.1 (200|206|416) ' \
  bytes "GET /rows/11 HTTP/1.1\\r\\nRange: bytes=$long-\\r\\nConnection: close\\r\\n\\r\\n"
check 'after all that' '^200 value 1 1$' request GET /rows/11
ends 'after errors'

# A disk of its own, which goes with the process.
own_mounts=(unshare -rm)
"${own_mounts[@]}" true 2>/dev/null || own_mounts=(unshare -m)
if "${own_mounts[@]}" mount -t tmpfs -o size=64k none "$scratch" 2>/dev/null; then
  mkdir "$scratch/disk"
  # shellcheck disable=SC2016
  start "${own_mounts[@]}" \
    sh -c 'mount -t tmpfs -o size=700k none "$0" && exec "$@"' "$scratch/disk" -- "$scratch/disk/db"
  check 'a disk with room' '^200 written$' request POST /rows/1 small
  check 'a full disk' '^500 database or disk is full$' request POST /rows/2 size:900000
  check 'what is on the full disk' '^200 small$' request GET /rows/1
  check 'what still fits' '^200 written$' request POST /rows/3 small
  check 'the error is logged' '^http_server: database or disk is full$' cat "$scratch/err"
  ends 'a full disk'
else
  echo 'not tested: a full disk; mounting is not permitted here'
fi

# A limit to what a file may have. SQLite says "full" of ENOSPC only.
# shellcheck disable=SC2016
start sh -c 'trap "" XFSZ; ulimit -f 512; exec "$@"' sh -- "$scratch/db.limited"
check 'a file with room' '^200 written$' request POST /rows/1 small
check 'a file at its limit' '^500 disk I/O error$' request POST /rows/2 size:900000
check 'what is in the file' '^200 small$' request GET /rows/1
check 'what still fits into the file' '^200 written$' request POST /rows/3 small
ends 'a file at its limit'

check 'a folder that is not there' '^http_server: unable to open' "$program" "$scratch/no/db"
check 'no file' '^usage: ' "$program"
check 'a pool of less than no threads' '^usage: ' "$program" --pool=-1 "$scratch/db"

((failures == 0)) && echo 'all passed'
exit $((failures > 0))
