# SPDX-License-Identifier: Apache-2.0
"""check_stats.py JSON OPENMETRICS HEADER: both files are valid, agree with each other about the
runtime that the JSON is of, and have all that the header declares."""
import json
import re
import sys

LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(r'^([a-z_]+)\{((?:%s,?)+)\} (\S+)$' % LABEL)
SUFFIXES = {'counter': {'_total'}, 'gauge': {''}, 'info': {'_info'},
            'histogram': {'_bucket', '_count', '_sum'}}


def unescape(text):
    return re.sub(r'\\(.)', lambda m: '\n' if m[1] == 'n' else m[1], text)


def parse(text):
    """The families by name: their type, help, and samples (suffix, labels, value)."""
    assert text.endswith('\n# EOF\n'), 'no end mark'
    families = {}
    name = None
    for line in text[:-len('# EOF\n')].splitlines():
        if line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            assert name not in families, f'{name} twice'
            families[name] = {'type': kind, 'help': None, 'samples': []}
            continue
        family = families[name]
        if line.startswith('# UNIT '):
            assert line == f'# UNIT {name} seconds' and name.endswith('_seconds'), line
        elif line.startswith('# HELP '):
            assert line.startswith(f'# HELP {name} '), line
            family['help'] = line[len(f'# HELP {name} '):]
        else:
            match = SAMPLE.match(line)
            assert match and match[1].startswith(name), f'no sample: {line}'
            suffix = match[1][len(name):]
            assert suffix in SUFFIXES[family['type']], line
            labels = {k: unescape(v) for k, v in re.findall(LABEL, match[2])}
            family['samples'].append((suffix, labels, float(match[5])))
    return families


def check_histogram(name, family, runtime, expected):
    mine = [(s, l, v) for s, l, v in family['samples'] if l['runtime'] == runtime]
    buckets = [(float(l['le']), v) for s, l, v in mine if s == '_bucket']
    assert buckets == sorted(buckets) and buckets[-1][0] == float('inf'), f'{name}: order'
    values = {s: v for s, _, v in mine if s != '_bucket'}
    assert values['_count'] == buckets[-1][1] == expected['count'], f'{name}: count'
    assert abs(values['_sum'] * 1e9 - expected['sum']) < 1, f'{name}: sum'
    assert sum(n for _, n in expected['buckets']) == expected['count'], f'{name}: JSON'


def declared(header, macro):
    body = re.search(r'#define %s\(X\)((?:.*\\\n)*.*\n)' % macro, header)[1]
    body = re.sub(r'\\\n', ' ', body)
    return dict(re.findall(r'X\((\w+),\s*"([^"]*)"\)', body))


def main():
    stats = json.load(open(sys.argv[1], encoding='utf-8'))
    families = parse(open(sys.argv[2], encoding='utf-8').read())
    header = open(sys.argv[3], encoding='utf-8').read()
    runtime = stats['facts']['name']
    seen = 0
    for group, macro, kind in (('counters', 'UMCG_COUNTERS', 'counter'),
                               ('gauges', 'UMCG_GAUGES', 'gauge'),
                               ('histograms', 'UMCG_HISTOGRAMS', 'histogram')):
        names = declared(header, macro)
        assert names and list(names) == list(stats[group]), f'{group}: {stats[group]}'
        for name, description in names.items():
            is_time = name.endswith('_ns') or kind == 'histogram'
            full = 'umcg_' + (name.removesuffix('_ns') + '_seconds' if is_time else name)
            family = families[full]
            assert family['type'] == kind and family['help'] == description, full
            seen += 1
            value = stats[group][name]
            if kind == 'histogram':
                check_histogram(full, family, runtime, value)
                continue
            samples = [v for _, l, v in family['samples'] if l['runtime'] == runtime]
            assert len(samples) == 1, full
            assert abs(samples[0] * (1e9 if is_time else 1) - value) < 1, full
    facts = [l for _, l, _ in families['umcg_runtime']['samples'] if l['runtime'] == runtime]
    assert facts == [{'runtime': runtime, **stats['facts']}], facts
    assert list(stats['facts']) == list(declared(header, 'UMCG_FACTS'))
    assert len(families) == seen + 1, set(families)
    print('runtime:', ascii(runtime))


main()
