#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fan_out_test.sh PATH_TO_FAN_OUT
set -euo pipefail
diff - <("$1") <<'OUTPUT'
Tokyo was cancelled; Paris answers; Quito was cancelled; done
Tokyo was cancelled; Paris was cancelled; Quito was cancelled; done
OUTPUT
