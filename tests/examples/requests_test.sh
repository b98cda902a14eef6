#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# requests_test.sh PATH_TO_REQUESTS
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
diff <(echo '100 rows, sum 5050.0') <(seq 100 | "$1" "$scratch/numbers.db")
diff <(echo '0 rows, sum 0.0') <("$1" "$scratch/empty.db" </dev/null)
