#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# postgres_queries_test.sh PATH_TO_POSTGRES_QUERIES: 200 queries on 16 connections, in every mode of
# hand-off, beside a PostgreSQL of its own; some are cancelled, nothing leaks, no connection is lost.
# The database is killed between rounds and during one: clear errors, and it goes on when it is back.
set -u
export LC_ALL=C

program=$(realpath "${1:?usage: postgres_queries_test.sh PATH_TO_POSTGRES_QUERIES}")
database=$(realpath "$(dirname "$0")/../../examples/postgres.sh")
[[ -n ${2:-} ]] || exec bash "$database" bash "$0" "$program" beside_the_database

command -v psql >/dev/null || {
  echo 'skipped: no psql'
  exit 77
}
scratch=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 $pid 2>/dev/null; rm -rf "$scratch"' EXIT
failures=0

# check NAME REGEX TEXT: a line of the text matches.
check() {
  if grep -qE -- "$2" <<<"$3"; then
    echo "ok: $1"
  else
    echo "FAIL: $1: no line like '$2'"
    head -c 2000 <<<"$3" | sed 's/^/    /'
    failures=$((failures + 1))
  fi
}

connected="FROM pg_stat_activity WHERE application_name = 'postgres_queries'"
sql() { psql -AtXqc "$1" 2>&1; }
# comes VALUE SQL: within two minutes; connections end a little after their clients.
comes() {
  for ((i = 0; i < 1200; i++)); do
    [[ $(sql "$2") == "$1" ]] && return
    sleep 0.1
  done
  check "$2" "^$1\$" "$(sql "$2")"
}

# Without the pipes, which would not end before the database does.
restart() { bash "$database" restart 3<&- 4>&-; }

# start ARGUMENT...: a process that waits for a line before each round but the first.
start() {
  rm -f "$scratch/in" "$scratch/out"
  mkfifo "$scratch/in" "$scratch/out"
  "$program" "$@" <"$scratch/in" >"$scratch/out" 2>"$scratch/err" &
  pid=$!
  exec 4>"$scratch/in" 3<"$scratch/out"
}
reported() {
  local line
  IFS= read -r line <&3
  echo "$line"
}
# ends NAME CONNECTIONS STATUS: no more rounds; so many connections are in order.
ends() {
  exec 4>&-
  check "$1: connections" "^connections in order: $2 of 16\$" "$(cat <&3)"
  exec 3<&-
  wait $pid
  check "$1: exit status" "^$3\$" $?
  pid=
}
descriptors() { find /proc/$pid/fd -mindepth 1 | wc -l; }
resident() { awk '/^RssAnon:/ { print $2 }' /proc/$pid/status; }

all='^answered: 180, cancelled: 20, failed: 0;'
none='^answered: 0, cancelled: 0, failed: 200;'

for mode in monitor chaos off threads; do
  options=(UMCG_HANDOFF=$mode "$program")
  [[ $mode != threads ]] || options=("$program" --threads=16)
  output=$(env "${options[@]}" 2>&1)
  check "$mode: all queries" "$all" "$output"
  check "$mode: no connection is lost" '^connections in order: 16 of 16$' "$output"
done

start --rounds=1000
check 'a first round' "$all" "$(reported)"
comes 16 "SELECT count(*) $connected AND state = 'idle'"
bash "$database" kill
echo >&4
check 'without a database' "$none" "$(reported)"
check 'the error is clear' 'connection to server on socket .* failed: ' "$(cat "$scratch/err")"
restart
echo >&4
check 'with a new database' "$all" "$(reported)"
comes 16 "SELECT count(*) $connected AND state = 'idle'"

# The results of 200 queries are 400 KB.
for round in {1..30}; do
  echo >&4
  [[ $(reported) =~ $all ]] || check "round $round" "$all" ''
  ((round != 10)) || read -r fds memory <<<"$(descriptors) $(resident)"
done
check 'no descriptor leaks' "^$fds\$" "$(descriptors)"
check "no memory leaks: $(($(resident) - memory)) KB in 20 rounds" yes \
  "$( (($(resident) - memory < 4000)) && echo yes)"
comes 16 "SELECT count(*) $connected"
ends 'after many rounds' 16 0
comes 0 "SELECT count(*) $connected"

# Killed when all connections are in the middle of a query, and once more when it is back.
start --deadline=1h --rounds=2
for time in first second; do
  comes 16 "SELECT count(*) $connected AND state = 'active' AND query LIKE '%3600%'"
  bash "$database" kill
  check "killed during queries, $time time" '^answered: [0-9]+, cancelled: 0, failed: [0-9]+;' \
    "$(reported)"
  restart
  [[ $time == second ]] || echo >&4
done
check 'the error is clear' 'server closed the connection unexpectedly|connection to server .* failed: ' \
  "$(cat "$scratch/err")"
ends 'killed during queries' 0 1

check 'not that many queries' '^usage: ' "$("$program" --queries=-1 2>&1)"
((failures == 0)) && echo 'all passed'
exit $((failures > 0))
