#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The HTTP server of examples/ under load, on fibers and on pools of threads, as a table.
#
#     bench/services/http.sh BUILD_DIR [--smoke] [--connections N] [--seconds N] [--repetitions N]
#
# wrk keeps N connections busy: nine requests in ten read a row, one writes a row, with an fsync. It
# runs on the same machine. httplib closes a connection after 5 requests, as it does by default. The
# servers take turns, and the median of each figure is shown. Threads are the most that were seen at
# one of the looks, ten a second; memory is the kernel's own peak. Errors: answers other than 2xx,
# and connections that failed or had no answer within 2 s.
# --smoke: a second each, once, to see that it works.
set -euo pipefail
export LC_ALL=C

die() {
  echo "http: $*" >&2
  exit 2
}

build=
connections=128
seconds=10
repetitions=5
while (($#)); do
  case $1 in
    --smoke) seconds=1 repetitions=1 ;;
    --connections) connections=${2:?--connections needs a number} && shift ;;
    --seconds) seconds=${2:?--seconds needs a number} && shift ;;
    --repetitions) repetitions=${2:?--repetitions needs a number} && shift ;;
    -*) die "unknown option $1" ;;
    *) build=$1 ;;
  esac
  shift
done
server=$build/examples/http_server
[[ -n $build && -x $server ]] || die "usage: bench/services/http.sh BUILD_DIR; no $server"
for tool in wrk curl; do
  command -v $tool >/dev/null || die "$tool is not installed"
done

scratch=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 $pid 2>/dev/null; rm -rf "$scratch"' EXIT

rows=100
cat >"$scratch/load.lua" <<LUA
function request()
  local path = "/rows/" .. math.random(1, $rows)
  if math.random(10) == 1 then return wrk.format("POST", path, nil, "written under load") end
  return wrk.format("GET", path)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("result %.0f %.2f %.2f %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
LUA

# measure NAME ARGUMENT...: one line in the file NAME: requests/s, p50, p99, errors, threads, MiB.
measure() {
  local name=$1 port line threads most=0
  shift
  rm -rf "$scratch/db"
  mkdir "$scratch/db"
  mkfifo "$scratch/db/out"
  "$server" "$@" "$scratch/db/rows" >"$scratch/db/out" 2>"$scratch/db/err" &
  pid=$!
  exec 3<"$scratch/db/out"
  read -r line <&3
  port=${line##*:}
  for ((row = 1; row <= rows; row++)); do
    printf 'url = http://127.0.0.1:%d/rows/%d\ndata = first\noutput = /dev/null\n' "$port" $row
  done >"$scratch/db/fill"
  curl -sfK "$scratch/db/fill"
  wrk -t 1 -c "$connections" -d "$seconds" -s "$scratch/load.lua" "http://127.0.0.1:$port" \
    >"$scratch/db/wrk" &
  local load=$!
  while kill -0 $load 2>/dev/null; do
    threads=$(awk '/^Threads:/ { print $2 }' /proc/$pid/status)
    ((threads <= most)) || most=$threads
    sleep 0.1
  done
  wait $load
  line=$(sed -n 's/^result //p' "$scratch/db/wrk")
  echo "$line $most $(awk '/^VmHWM:/ { printf "%.0f", $2 / 1024 }' /proc/$pid/status)" \
    >>"$scratch/$name"
  kill -TERM $pid
  wait $pid
  pid=
  exec 3<&-
}

for ((i = 0; i < repetitions; i++)); do
  measure umcg
  for threads in 8 64 512; do
    measure pool-$threads --pool=$threads
  done
done

# median COLUMN FILE
median() {
  cut -d' ' -f"$1" "$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "$connections connections, $seconds s, median of $repetitions; $(nproc) CPUs"
echo
echo '| server | requests/s | p50, ms | p99, ms | errors | OS threads, peak | memory, peak, MiB |'
echo '|---|---|---|---|---|---|---|'
for name in umcg pool-8 pool-64 pool-512; do
  printf '| %s |' $name
  for column in 1 2 3 4 5 6; do
    printf ' %s |' "$(median $column "$scratch/$name")"
  done
  echo
done
