#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tree_hash_test.sh - the example tree_hash against find and sha256sum.
#
#     bash tests/examples/tree_hash_test.sh PATH_TO_TREE_HASH
set -u
export LC_ALL=C

tree_hash=$(realpath "${1:?usage: tree_hash_test.sh PATH_TO_TREE_HASH}")
scratch=$(mktemp -d)
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
cd "$scratch" || exit 1
failures=0

fail() {
  echo "FAIL: $1"
  sed 's/^/    /' "${2:-/dev/null}"
  failures=$((failures + 1))
}
pass() { echo "ok: $1"; }

# check NAME WANTED_STATUS WANTED_STDERR_REGEX WANTED_STDOUT_FILE COMMAND...
check() {
  local name=$1 status=$2 pattern=$3 wanted=$4 got=0
  shift 4
  "$@" >out 2>err || got=$?
  if [ "$got" != "$status" ]; then
    fail "$name: exit status $got, not $status" err
  elif ! grep -qE -- "$pattern" err; then
    fail "$name: stderr does not match '$pattern'" err
  elif ! diff "$wanted" out >diff; then
    fail "$name: output differs" diff
  else
    pass "$name"
  fi
}
reference() { find "$@" -type f -print0 | sort -z | xargs -0 -r sha256sum >wanted; }

# --- A tree with everything in it ---------------------------------------------------------------
mkdir -p 'tree/a/b/c/d' 'tree/empty folder' tree/many
: >tree/empty
printf hello >tree/a/hello
head -c 65536 /dev/urandom >tree/a/b/exactly_one_buffer
head -c 65537 /dev/urandom >tree/a/b/one_more
head -c 3000000 /dev/urandom >tree/a/b/c/d/large
for i in $(seq 400); do echo "$i" >"tree/many/$i"; done
for name in 'with space' '-dash' $'new\nline' $'return\r' 'back\slash' $'tab\t' $'\xff\xfe' 'quote"' \
  '*' '.hidden' '%s%n'; do
  echo "$name" >"tree/a/$name"
done
ln -s hello tree/a/link
ln -s nowhere tree/a/dangling
ln -s .. tree/a/b/loop
mkfifo tree/a/fifo
: >nothing

reference tree
for mode in '' --pool '--pool --threads=1' '--pool --threads=7' --servers=1 --servers=3 \
  --in_flight=1 --progress; do
  # shellcheck disable=SC2086
  check "tree ${mode:-by default}" 0 '^tree_hash: [0-9]+ files, .* MB/s' wanted \
    "$tree_hash" $mode tree
done
check 'the pool says so' 0 '5 pool threads' wanted "$tree_hash" --pool --threads=5 tree
check 'progress off a terminal only if asked' 0 '^tree_hash' wanted "$tree_hash" --noprogress tree

# Far fewer file descriptors than files.
check 'few file descriptors' 0 'files' wanted bash -c "ulimit -n 48; exec '$tree_hash' tree"

reference tree/a/ tree/many
check 'two folders, one with a slash' 0 'files' wanted "$tree_hash" tree/a/ tree/many
reference tree/empty
check 'a file by name' 0 '1 files' wanted "$tree_hash" tree/empty
reference "$scratch/tree/many"
check 'an absolute path' 0 '400 files' wanted "$tree_hash" "$scratch/tree/many"
check 'an empty folder' 0 '0 files' nothing "$tree_hash" 'tree/empty folder'

# --- Bad input ----------------------------------------------------------------------------------
check 'no arguments' 2 'usage' nothing "$tree_hash"
check 'negative threads' 2 'usage' nothing "$tree_hash" --pool --threads=-1 tree
check 'a missing folder' 1 'no/such: No such file' nothing "$tree_hash" no/such
reference tree
check 'a missing folder beside a good one' 1 'no/such: No such file' wanted \
  "$tree_hash" no/such tree
check 'a link by name' 1 'symbolic link' nothing "$tree_hash" tree/a/b/loop
check 'a fifo by name' 1 'neither a folder' nothing "$tree_hash" tree/a/fifo

# Root reads everything, so the permission tests need another user.
as_user=(env)
if [ "$(id -u)" = 0 ]; then
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  cp "$tree_hash" ./tree_hash_copy && chmod 755 tree_hash_copy
  tree_hash=$scratch/tree_hash_copy  # the build folder may be closed to others
fi
if "${as_user[@]}" true 2>/dev/null && "${as_user[@]}" "$tree_hash" tree/many >/dev/null 2>&1; then
  mkdir -p locked/closed && echo x >locked/readable && echo y >locked/secret && echo z >locked/closed/z
  chmod 000 locked/secret locked/closed
  sha256sum locked/readable >wanted
  for mode in --nopool --pool; do
    check "an unreadable file, $mode" 1 'locked/secret: Permission denied' wanted \
      "${as_user[@]}" "$tree_hash" $mode locked
    check "an unreadable folder, $mode" 1 'locked/closed: Permission denied' wanted \
      "${as_user[@]}" "$tree_hash" $mode locked
  done
else
  echo 'skipped: unreadable files (cannot become another user)'
fi

# A file that grows all the time must be told from a good one, and must not be waited for for ever.
mkdir growing && head -c 30000000 /dev/zero >growing/log && echo still >growing/still
(while [ -d growing ]; do echo more; done >>growing/log) &
writer=$!
sha256sum growing/still >wanted
# The writer may be held up for as long as one reading takes: then again.
until_it_fails() {
  local got=0
  for _ in {1..100}; do
    "$@" >last_out 2>last_err || got=$?
    ((got == 0)) || break
  done
  cat last_out
  cat last_err >&2
  return $got
}
check 'a file that changes' 1 'growing/log: changed while it was read' wanted \
  until_it_fails "$tree_hash" growing
kill "$writer" 2>/dev/null
wait "$writer" 2>/dev/null

# A full disk is an error too.
if [ -w /dev/full ]; then
  "$tree_hash" tree >/dev/full 2>err
  if [ $? = 1 ] && grep -q 'standard output' err; then pass 'full disk'; else fail 'full disk' err; fi
fi

[ "$failures" = 0 ] && echo 'all passed'
exit $((failures > 0))
