#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs all benchmarks of a build and makes the report. Builds nothing but the Go peer, if Go is there.
#
#     bench/run.sh BUILD_DIR [--smoke] [--filter REGEX] [--repetitions N]
#
# --smoke: one very short repetition, to see that everything runs and verifies. With --smoke or
# --filter the tables are printed and docs/ is left alone.
set -euo pipefail

bench=$(cd "$(dirname "$0")" && pwd)
build=
smoke=
filter=.
repetitions=10

die() {
  echo "run: $*" >&2
  exit 2
}

while (($#)); do
  case $1 in
    --smoke) smoke=1 ;;
    --filter) filter=${2:?--filter needs a regular expression} && shift ;;
    --repetitions) repetitions=${2:?--repetitions needs a number} && shift ;;
    -*) die "unknown option $1" ;;
    *) build=$1 ;;
  esac
  shift
done
[[ -n $build && -d $build/bench ]] || die "usage: bench/run.sh BUILD_DIR [--smoke]; no build in '$build'"

go_options=(-filter "$filter")
options=(--benchmark_filter="$filter" --benchmark_counters_tabular=true)
limit=3600
if [[ $smoke ]]; then
  export UMCG_BENCH_SMOKE=1
  options+=(--benchmark_min_time=0.001)
  go_options+=(-min-time 0.001)
  limit=300
else
  # Interleaved: what changes in the machine during the run hits all alike.
  options+=(--benchmark_min_time=0.1 --benchmark_repetitions="$repetitions"
    --benchmark_enable_random_interleaving=true)
  go_options+=(-min-time 0.1 -repetitions "$repetitions")
fi

mkdir -p "$build/bench-results"
results=$(cd "$build/bench-results" && pwd)
rm -f "$results"/*_bench.json

failed=()
for program in "$build"/bench/*_bench; do
  [[ -x $program ]] || die "no benchmarks in $build/bench"
  name=$(basename "$program")
  timeout --kill-after=10 "$limit" "$program" "${options[@]}" \
    --benchmark_out="$results/$name.json" --benchmark_out_format=json || failed+=("$name ($?)")
done

if command -v go >/dev/null; then
  (cd "$bench/peers/go" && go build -o "$results/go_peer" .)
  timeout --kill-after=10 "$limit" "$results/go_peer" "${go_options[@]}" \
    -out "$results/go_bench.json" || failed+=("go_peer ($?)")
fi

report=("$bench/report.py" "$results")
[[ $smoke || $filter != . ]] || report+=(--write)
status=0
# Debian's matplotlib is seen by Debian's Python only, which need not be the first one.
python=python3
"$python" -c 'import matplotlib' 2>/dev/null || [[ ! -x /usr/bin/python3 ]] || python=/usr/bin/python3
PYTHONDONTWRITEBYTECODE=1 "$python" "${report[@]}" || status=1
((${#failed[@]} == 0)) || die "failed, with the exit status: ${failed[*]}"
exit $status
