#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# postgres.sh COMMAND...: runs the command beside a PostgreSQL of its own, which is removed after it.
#
#     bash examples/postgres.sh build/release/examples/postgres_queries
#
# The database is in a temporary folder and listens on a Unix socket there, nowhere else; PGHOST,
# PGUSER and PGDATABASE say so to the command. `bash postgres.sh kill` and `... restart`, said by the
# command, do that to it. The server refuses to be root: then it is run as postgres, or nobody.
# Exit status: the command's; 77 if PostgreSQL is not installed; 70 if it does not start.
set -euo pipefail
export LC_ALL=C

if [[ $EUID != 0 ]]; then
  as_user() { "$@"; }
else
  user=$(getent passwd postgres nobody | head -n 1 | cut -d: -f1)
  as_user() { setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"; }
fi

programs=$(dirname "$(command -v initdb ||
  printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)")
[[ -x $programs/initdb && -x $programs/pg_ctl ]] || {
  echo 'skipped: PostgreSQL is not installed' >&2
  exit 77
}

# The log is the last thing that a database which does not start has to say.
control() {
  (cd "$PGHOST" && as_user "$programs/pg_ctl" -D "$PGHOST/data" -s -w -t 120 "$@") >&2
}
start() {
  control -l "$PGHOST/log" \
    -o "-k '$PGHOST' -c listen_addresses= -c fsync=off -c max_connections=40" start || {
    cat "$PGHOST/log" >&2
    exit 70
  }
}

case ${1:?usage: postgres.sh COMMAND...} in
  kill) control -m immediate stop ;;
  restart) start ;;
  *)
    PGHOST=$(mktemp -d)
    export PGHOST PGUSER=postgres PGDATABASE=postgres
    trap '[[ ! -e $PGHOST/data/postmaster.pid ]] || control -m immediate stop; rm -rf "$PGHOST"' EXIT
    chmod 755 "$PGHOST"
    [[ $EUID != 0 ]] || chown "$user" "$PGHOST"
    (cd "$PGHOST" && as_user "$programs/initdb" -D data -U "$PGUSER" -A trust -N) \
      >"$PGHOST/initdb.log" 2>&1 || {
      cat "$PGHOST/initdb.log" >&2
      exit 70
    }
    start
    "$@"
    ;;
esac
