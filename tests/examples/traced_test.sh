#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# traced_test.sh PATH_TO_TRACED: the trace is in order, and so is the picture of it.
set -euo pipefail
tree=$(dirname "$0")/../..
file=$(mktemp)
trap 'rm -f "$file" "$file.svg"' EXIT
"$1" "$file"
python3 -B "$tree/tests/trace/check_trace.py" "$file"
python3 -B "$tree/tools/trace_picture.py" "$file" >"$file.svg"
python3 -c 'import sys, xml.dom.minidom as x; assert x.parse(sys.argv[1]).getElementsByTagName("rect").length > 10' "$file.svg"
! "$1" /nonexistent/trace 2>/dev/null
