# SPDX-License-Identifier: Apache-2.0
"""What replaces a pool, from pool_bench: a process for each figure, so that memory can be told."""

import json
import os

from figures import MEMORY, THREADS, Figures
from process import Process

LOADS = (
    ("tiny_1m", "A pool: 1,000,000 tiny tasks", "The time is that of one task.", "ns"),
    ("blocking", "A pool: 6,400 tasks of 1 ms blocked and 50 µs of computing",
     "The time is that of all. A limit of 64 in flight is what the pool of 64 has, too.", "ms"),
    ("mixed", "A pool: 100,000 tasks of 2 µs, each hundredth blocks as before",
     "The time is that of all.", "ms"),
)
IMPLS = (("umcg", "umcg"), ("umcg_64", "umcg, max_in_flight = 64"),
         ("thread_pool", "pool of {} threads"), ("pool_64", "pool of 64 threads"),
         ("asio_pool", "Asio's pool of {} threads"))


def measure(build, repetitions, smoke):
    servers = min(2, len(os.sched_getaffinity(0)))
    environment = {**os.environ, **({"UMCG_BENCH_SMOKE": "1"} if smoke else {})}
    for load, title, note, unit in LOADS:
        figures = Figures(title, note, [(f"time, {unit}", "{:,.0f}"), THREADS, MEMORY])
        for _ in range(repetitions):
            for impl, name in IMPLS:
                with Process([build / "bench/pool_bench", "--benchmark_format=json",
                              f"--benchmark_filter=^pool/{load}/{impl}/{servers}/"],
                             env=environment) as process:
                    runs = json.loads(process.wait() or '{"benchmarks": []}')["benchmarks"]
                    if not runs:  # a peer that was not found
                        continue
                    time = runs[0]["ns_per_op"] / (1 if unit == "ns" else 1e6)
                    figures.add(name.format(servers), time, process.threads, process.peak_mib)
        yield figures
