#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_reference.sh SOURCE_DIR OUTPUT_DIR: makes the API reference. Fails if something public has no
# comment, if Doxygen complains of anything, or if a header or one of its functions is not in it.
set -euo pipefail
mkdir -p "$2"
output=$(realpath "$2")
cd "$1"
command -v python3 >/dev/null || {
  echo 'skipped: no python3'
  exit 77
}
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $output"; } | doxygen -

# Doxygen says nothing of what it does not understand; so some of all kinds are looked for.
failed=0
html=$output/html
has() {
  [[ $(sed 's/<[^>]*>//g' "$html/$1") == *"$2"* ]] || {
    echo "$1 says nothing of '$2'"
    failed=1
  }
}
for header in include/umcg/*.h; do
  page=$(basename "$header" .h)
  [[ -e $html/${page//_/__}_8h.html ]] || {
    echo "no page for $header"
    failed=1
  }
done
has classumcg_1_1Mutex.html 'Woken by unlock()'
has classumcg_1_1Mutex.html 'try_lock_until'
has classumcg_1_1Channel.html 'try_recv'
has classumcg_1_1Fiber.html 'request_stop'
has classumcg_1_1Future.html 'on_ready'
has classumcg_1_1ThreadPool.html 'An exception ends the process'
has structumcg_1_1RuntimeOptions.html 'within the cgroup quota'
has structumcg_1_1Stats.html 'to_open_metrics'
has kernel_8h.html 'umcg_swap'
has kernel_8h.html 'publish(self)'
has select_8h.html 'on_deadline'
has blocking_8h.html 'interruptible'
exit $failed
