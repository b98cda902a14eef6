# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of examples/ under wrk: on fibers and on httplib's own pools of threads."""

import http.client
import pathlib
import re
import subprocess
import sys
import tempfile

from figures import MEMORY, THREADS, Figures
from process import Process

ROWS = 100
LOAD = f"""
function request()
  local path = "/rows/" .. math.random(1, {ROWS})
  if math.random(10) == 1 then return wrk.format("POST", path, nil, "written under load") end
  return wrk.format("GET", path)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("result %.0f %.2f %.2f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def _measure(server, options, connections, seconds):
    with tempfile.TemporaryDirectory() as folder:
        load = pathlib.Path(folder) / "load.lua"
        load.write_text(LOAD)
        with Process([server, *options, f"{folder}/rows"], stderr=subprocess.DEVNULL) as process:
            port = int(process.line().rpartition(":")[2])
            for row in range(1, ROWS + 1):
                client = http.client.HTTPConnection("127.0.0.1", port)
                client.request("POST", f"/rows/{row}", "first")
                if client.getresponse().status != 200:
                    sys.exit("services: the HTTP server does not write a row")
                client.close()
            said = subprocess.run(
                ["wrk", "-t", "1", "-c", str(connections), "-d", str(seconds), "-s", str(load),
                 f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
            process.end()
            result = re.search(r"^result (\S+) (\S+) (\S+) (\d+)$", said, re.MULTILINE)
            return [*map(float, result.groups()), process.threads, process.peak_mib]


def measure(build, repetitions, smoke):
    seconds = 1 if smoke else 4
    connections = 128
    figures = Figures(
        "An HTTP server: cpp-httplib and SQLite",
        f"`examples/http_server`. wrk keeps {connections} connections busy for {seconds} s, on the "
        "same CPUs: nine requests in ten read a row, one writes a row, with an fsync. httplib "
        "closes a connection after 5 requests, as it does by default. Errors: answers other than "
        "2xx, and connections that failed or had no answer within 2 s.",
        [("requests/s", "{:,.0f}"), ("p50, ms", "{:.1f}"), ("p99, ms", "{:.0f}"),
         ("errors", "{:.0f}"), THREADS, MEMORY])
    for _ in range(repetitions):
        for name, options in (("umcg", []), ("httplib's pool of 8", ["--pool=8"]),
                              ("httplib's pool of 64", ["--pool=64"]),
                              ("httplib's pool of 512", ["--pool=512"])):
            figures.add(name, *_measure(build / "examples/http_server", options, connections,
                                        seconds))
    return figures
