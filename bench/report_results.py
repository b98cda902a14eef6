# SPDX-License-Identifier: Apache-2.0
"""Reads the JSON that the benchmarks leave and gathers it by line."""

import json
import statistics
from dataclasses import dataclass

METRICS = ("ns_per_op", "p99_ns", "create_ns", "wake_join_ns", "bytes_per_fiber", "os_threads")


@dataclass(frozen=True)
class Figure:
    """The repetitions of one benchmark."""

    values: tuple

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    @property
    def spread(self):
        """Median absolute deviation, as a part of the median."""
        middle = self.median
        return statistics.median(abs(v - middle) for v in self.values) / middle if middle else 0.0


class Results:
    """figures[(theme/variant, metric, servers)][impl] is a Figure."""

    def __init__(self, files):
        self.figures = {}
        self.context = {}
        self.problems = []
        for file in files:
            self._read(file)

    def _read(self, file):
        try:
            content = json.loads(file.read_text())
        except (OSError, ValueError):
            self.problems.append(f"{file.stem}: no complete result (did it crash or hang?)")
            return
        self.context.update(content["context"])
        values = {}
        for run in content["benchmarks"]:
            if run.get("run_type") == "aggregate":
                continue
            name = run["name"].split("/")
            if run.get("error_occurred"):
                self.problems.append(f"{'/'.join(name[:4])}: {run.get('error_message')}")
                continue
            theme, variant, impl, servers = name[:4]
            for metric in METRICS:
                if metric in run:
                    key = (f"{theme}/{variant}", metric, int(servers))
                    values.setdefault(key, {}).setdefault(impl, []).append(run[metric])
        for key, by_impl in values.items():
            for impl, found in by_impl.items():
                self.figures.setdefault(key, {})[impl] = Figure(tuple(found))

    @property
    def repetitions(self):
        return min((len(f.values) for by in self.figures.values() for f in by.values()), default=0)


def is_ours(impl):
    """umcg, and umcg_... for other ways to use it."""
    return impl == "umcg" or impl.startswith("umcg_")


# Their tasks cannot wait for each other, except for TBB's, which can wait for their children.
TASK_POOLS = ("tbb", "thread_pool", "asio_pool", "pool_2", "pool_64")


def best_peer(by_impl, pools=None):
    """(name, Figure) of the peer with the lowest median, or None. Of all, or of one sort."""
    peers = [(impl, figure) for impl, figure in by_impl.items()
             if impl != "floor" and not is_ours(impl)
             and (pools is None or pools == (impl in TASK_POOLS))]
    return min(peers, key=lambda peer: peer[1].median, default=None)
