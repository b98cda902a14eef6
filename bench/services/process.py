# SPDX-License-Identifier: Apache-2.0
"""A process that is measured from outside: its OS threads and its memory."""

import pathlib
import subprocess
import sys
import threading

_INTERVAL = 0.01  # s between two looks


class Process:
    """Runs a command. Leaving the block without wait() or end() kills it."""

    def __init__(self, command, **options):
        self.threads = 0  # the most that one of the looks has seen
        self.peak_mib = 0.0  # the kernel's own peak of resident memory, at the last look
        self._command = [str(part) for part in command]
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True,
                                         **options)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_again_and_again)
        self._watch.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._finish()

    def line(self):
        return self._process.stdout.readline().strip()

    def wait(self):
        """All that it still says. A failure of it is the end of the run."""
        said = self._process.stdout.read()
        self._finish()
        if self._process.returncode != 0:
            sys.exit(f"services: exit status {self._process.returncode}: "
                     f"{' '.join(self._command)}")
        return said

    def end(self):
        """Asks it to end by SIGTERM, and waits."""
        self._look()
        self._process.terminate()
        return self.wait()

    def _finish(self):
        self._process.wait()
        self._over.set()
        self._watch.join()
        self._process.stdout.close()

    def _look_again_and_again(self):
        while not self._over.wait(_INTERVAL):
            self._look()

    def _look(self):
        try:
            status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return
        fields = dict(line.split(":", 1) for line in status.splitlines())
        if "VmHWM" in fields:  # not of a process that has ended
            self.threads = max(self.threads, int(fields["Threads"]))
            self.peak_mib = int(fields["VmHWM"].split()[0]) / 1024
