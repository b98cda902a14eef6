# SPDX-License-Identifier: Apache-2.0
"""Draws the ratios as an SVG, if matplotlib is there."""

import sys


def draw(bars, path):
    """bars: (label, ratio to the best peer or None, ratio to the floor or None)."""
    try:
        import matplotlib
        matplotlib.use("svg")
        from matplotlib import pyplot, ticker
    except ImportError:
        print("report: no plot: matplotlib is missing (Debian: python3-matplotlib)",
              file=sys.stderr)
        return

    # The same results give the same file, and its text stays text.
    pyplot.rcParams["svg.hashsalt"] = "umcg"
    pyplot.rcParams["svg.fonttype"] = "none"

    figure, axes = pyplot.subplots(figsize=(10, 1.5 + 0.26 * len(bars)))
    places = list(range(len(bars)))
    for ratios, offset, colour, label in (
            ([peer for _, peer, _ in bars], -0.2, "#1f6f8b", "umcg / best peer of any sort"),
            ([floor for _, _, floor in bars], 0.2, "#c9a227", "umcg / floor")):
        shown = [(place + offset, ratio) for place, ratio in zip(places, ratios) if ratio]
        axes.barh([place for place, _ in shown], [ratio - 1 for _, ratio in shown], left=1,
                  height=0.38, color=colour, label=label)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(places, [label for label, _, _ in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.3, -0.7)
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axes.set_xlabel("ratio of medians, logarithmic; left of 1: umcg needs less")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
