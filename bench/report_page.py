# SPDX-License-Identifier: Apache-2.0
"""Tables, what a run was made on, and the parts of pages that are written and not typed."""

import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _first_match(path, key):
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def _governor():
    try:
        return pathlib.Path(
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return "not visible"


def commit():
    shown = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--tags"],
                           capture_output=True, text=True, check=False)
    return shown.stdout.strip() or "unknown"


def machine():
    processor = _first_match("/proc/cpuinfo", "model name")
    virtual = "hypervisor" in _first_match("/proc/cpuinfo", "flags")
    return (f"{processor}, {len(os.sched_getaffinity(0))} CPUs"
            f"{' of a virtual machine' if virtual else ''}, frequency governor {_governor()}")


def kernel():
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def write_part(page, writer, part):
    """Replaces what stands in the page between the markers of this writer."""
    begin = f"<!-- begin: written by {writer} -->"
    end = f"<!-- end: written by {writer} -->"
    before, found_begin, rest = page.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        sys.exit(f"{writer}: {page.name} has lost its markers")
    page.write_text(f"{before}{begin}\n{part}\n{end}{after}")
