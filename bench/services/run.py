#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the services of examples/ and pools under load, and rewrites their part of the docs.

    python3 bench/services/run.py BUILD_DIR [--smoke] [--repetitions N] [--only http,pools]

Each figure is the median of N runs of a process of its own, and those that are compared take turns.
--smoke: each once and briefly, to see that it works. With --smoke or --only the tables are printed
and the pages are left alone.
"""

import argparse
import datetime
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import clients  # noqa: E402
import http_server  # noqa: E402
import pools  # noqa: E402
from report_page import ROOT, commit, kernel, machine, write_part  # noqa: E402

PARTS = {
    "http": lambda *how: [http_server.measure(*how)],
    "queries": lambda *how: [clients.measure_queries(*how)],
    "copies": lambda *how: [clients.measure_copies(*how)],
    "transfers": lambda *how: [clients.measure_transfers(*how)],
    "pools": pools.measure,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,PART")
    args = parser.parse_args()
    wanted = args.only.split(",")
    if not set(wanted) <= set(PARTS):
        parser.error(f"the parts are: {', '.join(PARTS)}")
    repetitions = 1 if args.smoke else args.repetitions

    load = os.getloadavg()[0]
    all_figures = []
    for part in wanted:
        for figures in PARTS[part](args.build.resolve(), repetitions, args.smoke):
            print(f"{figures}\n", flush=True)
            all_figures.append(figures)
    if args.smoke or set(wanted) != set(PARTS):
        return
    header = "\n".join([
        f"- Machine: {machine()}; kernel: {kernel()}",
        f"- umcg: {commit()}, on {datetime.date.today()}; load average at the start: {load:.1f}",
        f"- Command: `python3 bench/services/run.py build/release`; runs of each: {repetitions}, "
        "median ± median absolute deviation"])
    writer = "bench/services/run.py"
    write_part(ROOT / "docs" / "benchmarks.md", writer,
               "\n\n".join([header, *map(str, all_figures)]))
    copies = next(f for f in all_figures if "fsync" in f.title)
    write_part(ROOT / "docs" / "migration.md", writer, f"{copies.table()}\n\nMachine and command: "
               "[benchmarks.md](benchmarks.md#services-and-pools).")


if __name__ == "__main__":
    main()
