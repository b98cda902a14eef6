#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# thread_pool_test.sh PATH_TO_THREAD_POOL
set -euo pipefail
diff <(printf '300 pages, 451500 bytes\n100 pages more\n') <("$1")
