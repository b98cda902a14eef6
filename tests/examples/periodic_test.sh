#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# periodic_test.sh PATH_TO_PERIODIC
set -euo pipefail
diff <(printf 'beat %d\n' 1 2 3; echo stopped) <("$1")
