# SPDX-License-Identifier: Apache-2.0
"""The clients of examples/, libpq and libcurl: on fibers and on threads of their own."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request

from figures import MEMORY, THREADS, Figures
from process import Process

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TIME = ("time, ms", "{:,.0f}")


def _add(figures, name, command, **options):
    with Process(command, **options) as process:
        said = process.wait()
        seconds = [float(s) for s in re.findall(r"; ([0-9.]+) s$", said, re.MULTILINE)]
        figures.add(name, 1e3 * sum(seconds) / len(seconds), process.threads, process.peak_mib)


def measure_queries(build, repetitions, smoke):
    rounds = 1 if smoke else 10
    figures = Figures(
        "200 queries: libpq and PostgreSQL",
        "`examples/postgres_queries`: 200 queries on 16 connections over a Unix socket, of which "
        "100 sleep 10 ms in the database and 20 are cancelled by `PQcancel` after 50 ms. The time "
        f"is the mean of {rounds} rounds. By the sleeping alone it cannot be less than 125 ms.",
        [TIME, THREADS, MEMORY])
    program = build / "examples/postgres_queries"
    # The database says where it is and stays until its input ends.
    with subprocess.Popen(
            ["bash", str(ROOT / "examples/postgres.sh"), "sh", "-c",
             'echo "$PGHOST"; read -r wait'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as database:
        where = {"PGHOST": database.stdout.readline().strip(), "PGUSER": "postgres",
                 "PGDATABASE": "postgres"}
        if not where["PGHOST"]:
            return None
        with tempfile.TemporaryFile("w+") as lines:
            lines.write("\n" * rounds)
            for _ in range(repetitions):
                for name, threads in (("umcg", 0), ("16 threads", 16), ("100 threads", 100)):
                    lines.seek(0)
                    _add(figures, name, [program, f"--rounds={rounds}", f"--threads={threads}"],
                         env=where, stdin=lines)
        database.communicate("\n")
    return figures


def measure_copies(build, repetitions, smoke):
    files = 50 if smoke else 1000
    figures = Figures(
        f"{files:,} files copied, each with an fsync",
        "`examples/copy_files_before` and what became of it, `copy_files`, on files of 4 KiB.",
        [TIME, THREADS, MEMORY])
    with tempfile.TemporaryDirectory(dir=build) as folder:  # not in memory, as /tmp may be
        source, target = pathlib.Path(folder) / "from", pathlib.Path(folder) / "to"
        source.mkdir()
        for i in range(files):
            (source / str(i)).write_bytes(b"x" * 4096)
        for _ in range(repetitions):
            for name, program, limit in (("before, 2 threads", "copy_files_before", 2),
                                         ("before, 64 threads", "copy_files_before", 64),
                                         ("umcg, max_in_flight = 64", "copy_files", 64)):
                target.mkdir()
                _add(figures, name, [build / "examples" / program, source, target, limit])
                shutil.rmtree(target)
    return figures


def measure_transfers(build, repetitions, smoke):
    transfers = 32 if smoke else 256
    figures = Figures(
        f"{transfers} transfers: getaddrinfo and libcurl",
        f"`examples/fetch_all`: {transfers} times a name is resolved and a row fetched, each on a "
        "connection of its own, from `examples/http_server`, which has a pool of 64 threads. Both "
        "are on the same CPUs, and there is no network to wait for: what can be told apart here "
        "is the cost of starting and switching.",
        [TIME, THREADS, MEMORY])
    with tempfile.TemporaryDirectory() as folder:
        with Process([build / "examples/http_server", "--pool=64", f"{folder}/rows"]) as server:
            port = server.line().rpartition(":")[2]
            urllib.request.urlopen(f"http://127.0.0.1:{port}/rows/1", data=b"x" * 1000).close()
            for _ in range(repetitions):
                for name, threads in (("umcg", 0), ("8 threads", 8), ("64 threads", 64),
                                      ("a thread each", transfers)):
                    _add(figures, name, [build / "examples/fetch_all", f"--transfers={transfers}",
                                         f"--threads={threads}", "localhost", port, "/rows/1"])
                    time.sleep(0.2)  # until the server has seen the ends of all connections
            server.end()
    return figures
