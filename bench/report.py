#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/benchmarks.md's tables and docs/benchmarks.svg out of the benchmarks' JSON, and the
extracts of the table in README.md and docs/handoff.md.

    bench/report.py RESULTS_DIR [--write]

Without --write it only checks the results and prints the tables. Fails if a benchmark failed or is
incomplete, and then writes nothing.
"""

import argparse
import pathlib
import sys

import report_plot
from report_lines import LINES, README_LINES, Line
from report_page import ROOT, commit, kernel, machine, table, write_part
from report_results import Results, best_peer, is_ours

PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks.svg"
README = ROOT / "README.md"
HANDOFF = ROOT / "docs" / "handoff.md"
WRITER = "bench/report.py"


def show_time(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 1000 * size else f"{ns / size:,.0f} {unit}"
    return f"{ns:.3g} ns"


def show_bytes(count):
    return f"{count:,.0f} B"


def show_count(count):
    return f"{count:,.0f}"


def shower(metric):
    if metric.startswith("bytes"):
        return show_bytes
    return show_count if metric == "os_threads" else show_time


def all_lines(results):
    """The lines of LINES that were measured, then those that LINES does not know."""
    known = {(line.name, line.metric) for line in LINES}
    unknown = sorted({key[:2] for key in results.figures} - known)
    return LINES + [Line(name, f"`{name}` {metric}", metric) for name, metric in unknown]


def measured(results):
    """(Line, servers, {impl: Figure}) for each row of the tables."""
    for line in all_lines(results):
        for servers in sorted(k[2] for k in results.figures if k[:2] == (line.name, line.metric)):
            yield line, servers, results.figures[(line.name, line.metric, servers)]


def reference(results, line, servers, by_impl, target):
    """What a relative target is relative to."""
    if target.of_metric:
        by_impl = results.figures.get((line.name, target.of_metric, servers), {})
    figure = by_impl.get(target.of)
    return figure.median if figure else None


def target_cell(results, line, servers, by_impl, ours):
    target = line.targets.get(servers)
    if target is None:
        return "-"
    limit = target.limit
    if target.of:
        base = reference(results, line, servers, by_impl, target)
        if base is None:
            return f"{target.text(shower(line.metric))}: not measured"
        limit *= base
    text = target.text(shower(line.metric))
    return f"{text}: met" if ours.median <= limit else f"{text}: **missed**"


def peer_cells(peer, ours, show):
    if peer is None:
        return ["-", "-"]
    name, figure = peer
    ratio = ours.median / figure.median
    text = f"{ratio:.2f}"
    if ours.median > figure.median:
        # Neither's repetitions tell them apart: still a loss, but one that another run may turn.
        text = f"**{text} loss**" + (" (ranges overlap)" if ours.low <= figure.high else "")
    return [f"{name} {show(figure.median)}", text]


def ratio_rows(results, wanted):
    """Of the lines for which wanted(line, servers)."""
    for line, servers, by_impl in measured(results):
        ours = by_impl.get("umcg")
        if ours is None or not wanted(line, servers):
            continue
        show = shower(line.metric)
        floor = by_impl.get("floor")
        yield [line.title, str(servers), f"{show(ours.median)} ± {ours.spread:.0%}",
               show(floor.median) if floor else "-",
               f"{ours.median / floor.median:.2f}" if floor else "-",
               *peer_cells(best_peer(by_impl, pools=False), ours, show),
               *peer_cells(best_peer(by_impl, pools=True), ours, show),
               target_cell(results, line, servers, by_impl, ours)]


def detail_rows(results):
    for line, servers, by_impl in measured(results):
        show = shower(line.metric)
        for impl, figure in sorted(by_impl.items(), key=lambda item: item[1].median):
            name = f"**{impl}**" if is_ours(impl) else impl
            yield [line.title, str(servers), name, show(figure.median), show(figure.low),
                   show(figure.high)]


def header_lines(results):
    context = results.context
    versions = [f"{key.removeprefix('umcg_version_').replace('_', ' ')} {value}"
                for key, value in sorted(context.items()) if key.startswith("umcg_version_")]
    return [
        f"- Machine: {machine()}",
        f"- Kernel: {kernel()}; glibc {context.get('umcg_libc', 'unknown')}",
        f"- Compiler: {context.get('umcg_compiler', 'unknown')}; "
        f"{'optimised, NDEBUG' if context.get('umcg_optimised') == '1' else '**not optimised**'}",
        f"- Peers: {'; '.join(versions) or 'none found'}; std::thread of this glibc",
        f"- umcg: {commit()}, on {context.get('date', 'unknown')[:10]}",
        f"- Commands: `cmake --preset release && cmake --build --preset release && "
        f"bench/run.sh build/release`; repetitions of each benchmark: {results.repetitions}",
    ]


def ratio_table(results, wanted=lambda line, servers: True):
    return table(["what", "servers", "umcg", "floor", "umcg / floor", "best peer", "umcg / peer",
                  "best task pool", "umcg / pool", "target"], ratio_rows(results, wanted))


def readme_part(results):
    return ratio_table(results, lambda line, servers: (line.name, line.metric, servers) in README_LINES)


def handoff_part(results):
    themes = ("blocking/", "handoff/", "pool/blocking", "pool/mixed")
    table_text = ratio_table(results, lambda line, servers: line.name.startswith(themes))
    return "\n".join([*header_lines(results), "", table_text])


def page_part(results):
    ratios = ratio_table(results)
    details = table(["what", "servers", "who", "median", "lowest", "highest"],
                    detail_rows(results))
    plot = [f"![The ratios of the table]({PLOT.name})", ""] if PLOT.exists() else []
    return "\n".join([*header_lines(results), "", ratios, "", *plot, "<details>",
                      "<summary>Every figure</summary>", "", details, "", "</details>"])


def plot_bars(results):
    """(label, ratio to the best peer or None, ratio to the floor or None) for the plot."""
    for line, servers, by_impl in measured(results):
        ours = by_impl.get("umcg")
        if ours is None:
            continue
        peer = best_peer(by_impl)
        floor = by_impl.get("floor")
        label = f"{line.title}, {servers} server{'s' if servers > 1 else ''}"
        yield (label, ours.median / peer[1].median if peer else None,
               ours.median / floor.median if floor else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--write", action="store_true", help="write the pages and the plot")
    args = parser.parse_args()

    files = sorted(args.results.glob("*_bench.json"))
    if not files:
        sys.exit(f"report: no results in {args.results}")
    results = Results(files)
    print(page_part(results))
    if results.problems:
        sys.exit("report: nothing written, because of\n  " +
                 "\n  ".join(sorted(set(results.problems))))
    if not args.write:
        return
    if results.context.get("umcg_smoke") != "0" or results.context.get("umcg_optimised") != "1":
        sys.exit("report: nothing written: a smoke run or a build without optimisation")
    # All of them before anything is written: they name the commit, and say if files differ from it.
    parts = [(PAGE, page_part(results)), (HANDOFF, handoff_part(results)),
             (README, readme_part(results))]
    for page, part in parts:
        write_part(page, WRITER, part)
    report_plot.draw(list(plot_bars(results)), PLOT)


if __name__ == "__main__":
    main()
