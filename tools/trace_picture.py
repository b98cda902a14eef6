#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""trace_picture.py TRACE.json [BEGIN_US END_US] >PICTURE.svg

Draws what ui.perfetto.dev would show of a trace made by Runtime::trace_to(): a row for each server,
then one for each fiber. For pages that cannot embed a viewer."""
import collections
import json
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, ROW, TOP = 1000, 130, 26, 44
COLOURS = {'run': '#4e79a7', 'running': '#4e79a7', 'hand-off': '#e15759', 'sleep': '#e8e8e8',
           'ready': '#f1ce63', 'parked': '#bab0ac', 'blocked': '#b07aa1',
           'without-server': '#ff9d9a'}


def read(path):
    names, rows = {}, collections.defaultdict(list)
    for e in json.load(open(path, encoding='utf-8'))['traceEvents']:
        if e['name'] == 'thread_name':
            names[e['pid'], e['tid']] = e['args']['name']
        elif e['ph'] == 'X':
            rows[e['pid'], e['tid']].append(e)
    return [(names[track], rows[track]) for track in sorted(names)]


def short(text, width):
    """As much of it as fits, or nothing."""
    most = int(width / 6.2)
    return text if len(text) <= most else text[:most - 1] + '…' if most > 4 else ''


def draw(rows, begin, end):
    scale = (WIDTH - LEFT) / (end - begin)
    height = TOP + ROW * len(rows) + 8
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
          'font-family="sans-serif" font-size="11">')
    print(f'<rect width="{WIDTH}" height="{height}" fill="white"/>')
    x = LEFT
    for cat in ('running', 'ready', 'parked', 'blocked', 'without-server', 'hand-off', 'sleep'):
        print(f'<rect x="{x}" y="6" width="10" height="10" fill="{COLOURS[cat]}"/>'
              f'<text x="{x + 14}" y="15">{cat.replace("-server", " a server")}</text>')
        x += 122
    step = 10 ** (len(str(int(end - begin))) - 1)
    step = step if (end - begin) / step >= 4 else step / 5
    tick = -(-begin // step) * step
    while tick <= end:
        x = LEFT + (tick - begin) * scale
        print(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 6}" stroke="#ddd"/>'
              f'<text x="{x:.1f}" y="{TOP - 10}" text-anchor="middle">{tick:g} µs</text>')
        tick += step
    for i, (name, slices) in enumerate(rows):
        y = TOP + i * ROW
        print(f'<text x="4" y="{y + 16}">{escape(name)}</text>')
        for s in slices:
            a, b = max(s['ts'], begin), min(s['ts'] + s['dur'], end)
            if a >= b:
                continue
            x, width = LEFT + (a - begin) * scale, max((b - a) * scale, 0.5)
            label = short(s['name'], width)
            title = f'{s["name"]}, {s["dur"]:.1f} µs'
            print(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 5}" '
                  f'fill="{COLOURS[s["cat"]]}"><title>{escape(title)}</title></rect>')
            if label:
                print(f'<text x="{x + 3:.1f}" y="{y + 15}">{escape(label)}</text>')
    print('</svg>')


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    rows = read(sys.argv[1])
    slices = [s for _, row in rows for s in row if s['cat'] != 'sleep']
    begin = float(sys.argv[2]) if len(sys.argv) == 4 else min(s['ts'] for s in slices)
    end = float(sys.argv[3]) if len(sys.argv) == 4 else max(s['ts'] + s['dur'] for s in slices)
    draw(rows, begin, end)


main()
