# SPDX-License-Identifier: Apache-2.0
"""What is measured several times, and how it is shown."""

import statistics

from report_page import table


class Figures:
    """Rows of a table, in the order in which they came first; each is measured several times."""

    def __init__(self, title, note, columns):
        self.title = title
        self.note = note
        self.columns = columns  # (name, format of a figure)
        self._rows = {}

    def add(self, name, *values):
        assert len(values) == len(self.columns)
        self._rows.setdefault(name, []).append(values)

    def _cell(self, values, how):
        middle = statistics.median(values)
        spread = statistics.median(abs(v - middle) for v in values) / middle if middle else 0
        return how.format(middle) + (f" ± {spread:.0%}" if spread >= 0.005 else "")

    def table(self):
        def name_cell(name):
            return f"**{name}**" if name.startswith("umcg") else name
        rows = [[name_cell(name)] + [self._cell(column, how) for column, (_, how)
                                     in zip(zip(*times), self.columns)]
                for name, times in self._rows.items()]
        return table(["who", *(name for name, _ in self.columns)], rows)

    def __str__(self):
        return f"### {self.title}\n\n{self.note}\n\n{self.table()}"


THREADS = ("OS threads, peak", "{:.0f}")
MEMORY = ("memory, peak, MiB", "{:.0f}")
