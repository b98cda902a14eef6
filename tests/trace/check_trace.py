# SPDX-License-Identifier: Apache-2.0
"""check_trace.py FILE [what]: the trace is of the right form: slices of a track do not overlap,
parks have reasons, what is ready says why. Then it checks the known program that `what` names
(timeline_test.cc)."""
import collections
import json
import re
import sys

SERVERS, FIBERS = 1, 2
NOT_BLOCKED = 75  # the exit code of check_block() if the reader was held up before its call


class Trace:
    def __init__(self, path):
        self.data = json.load(open(path, encoding='utf-8'))
        self.about = self.data['otherData']
        self.names = {}
        self.slices = collections.defaultdict(list)
        self.instants = []
        self.arrows = collections.defaultdict(dict)
        for e in self.data['traceEvents']:
            track = (e['pid'], e['tid'])
            if e['name'] == 'thread_name':
                self.names[track] = e['args']['name']
            elif e['ph'] == 'X':
                self.slices[track].append(e)
            elif e['ph'] == 'i':
                self.instants.append(e)
            elif e['ph'] in 'sf':
                self.arrows[e['id']][e['ph']] = e

    def tracks(self, group):
        return {name: self.slices[track] for track, name in self.names.items() if track[0] == group}

    def servers(self):
        return self.tracks(SERVERS)

    def fiber(self, name):
        """The slices of the one fiber of that name."""
        found = [s for n, s in self.tracks(FIBERS).items() if re.fullmatch(re.escape(name) + r' \d+', n)]
        assert len(found) == 1, (name, list(self.tracks(FIBERS)))
        return found[0]

    def handoffs(self):
        return [s for track in self.servers().values() for s in track if s['cat'] == 'hand-off']


def ns(microseconds):
    return round(microseconds * 1000)


def check_form(t):
    length = t.about['length_ns']
    for track, slices in t.slices.items():
        assert track in t.names, f'no name for {track}'
        end = 0
        for s in slices:
            assert s['dur'] >= 0 and ns(s['ts']) >= end, f'{t.names[track]}: overlap at {s}'
            end = ns(s['ts']) + ns(s['dur'])
        assert end <= length, f'{t.names[track]}: after the end'
    for slices in t.servers().values():
        for s in slices:
            assert s['cat'] in ('run', 'hand-off', 'sleep'), s
            if s['cat'] == 'hand-off':
                assert s['args']['cause'] in s['name'] and 'latency_ns' in s['args'], s
    for slices in t.tracks(FIBERS).values():
        for s in slices:
            if s['cat'] == 'parked':
                assert s['name'].startswith('waits for '), s
            elif s['cat'] == 'ready':
                assert s['args']['why'], s
            else:
                assert s['cat'] in ('running', 'blocked', 'without-server'), s
    for ends in t.arrows.values():
        assert set(ends) == {'s', 'f'} and ends['s']['ts'] <= ends['f']['ts'], ends


def check_agreement(t):
    """Each run on a server's track is one on the fiber's, and the other way round."""
    of_servers = collections.Counter()
    for name, slices in t.servers().items():
        for s in slices:
            if s['cat'] == 'run':
                of_servers[s['args']['fiber'], int(name.split()[1]), ns(s['ts'])] += 1
    of_fibers = collections.Counter()
    for name, slices in t.tracks(FIBERS).items():
        for s in slices:
            if s['cat'] == 'running':
                of_fibers[int(name.split()[-1]), s['args']['server'], ns(s['ts'])] += 1
    assert of_servers == of_fibers, (of_servers - of_fibers, of_fibers - of_servers)


def states(slices):
    return [s['cat'] for s in slices]


def check_waits(t):
    """A fiber "waker" releases a semaphore five times for "sleeper", on one server."""
    check_agreement(t)
    sleeper, waker = t.fiber('sleeper'), t.fiber('waker')
    parks = [s for s in sleeper if s['cat'] == 'parked']
    assert [s['name'] for s in parks] == ['waits for the semaphore'] * 5, parks
    assert len({s['args']['object'] for s in parks}) == 1 and not parks[0]['args']['deadline']
    woken = [s['args'] for s in sleeper if s['cat'] == 'ready' and s['args']['why'] == 'unparked']
    assert len(woken) == 5 and all(re.fullmatch(r'waker \d+', w['by']) for w in woken), woken
    assert states(sleeper)[-1] == 'running', 'the end is not seen'
    yields = [s for s in waker if s['cat'] == 'ready' and s['args']['why'] == 'yielded']
    assert len(yields) == 5, waker
    naps = [s for s in waker if s['cat'] == 'parked']
    assert [s['name'] for s in naps] == ['waits for a point in time'] and naps[0]['args']['deadline']
    assert naps[0]['dur'] >= 100_000, naps
    after = waker[waker.index(naps[0]) + 1]
    assert after['args']['by'] == 'its deadline' or after['args']['by'].startswith('thread '), after
    assert len(t.arrows) >= 5, t.arrows
    assert t.about['events_overwritten'] == 0


def check_block(t):
    """A fiber "reader" blocks in read(2) until "worker", behind it, has written; one server."""
    check_agreement(t)
    reader = t.fiber('reader')
    taken = [h for h in t.handoffs() if h['args'].get('system_call') == 'read(2)']
    if not taken:
        print('the server was not taken in read(2):', t.handoffs())
        sys.exit(NOT_BLOCKED)
    assert len(taken) == 1, t.handoffs()
    cause = taken[0]['args']['cause']
    assert cause in ('standby', 'monitor'), taken
    blocked = [s for s in reader if s['cat'] == 'blocked']
    assert [s['name'] for s in blocked] == ['in read(2)'], reader
    # It begins with the first sign of it, and the hand-over lies within it.
    assert ns(taken[0]['ts']) == ns(blocked[0]['ts']), (taken, blocked)
    assert taken[0]['args']['latency_ns'] >= ns(taken[0]['dur']) > 0
    # The other one runs while it is blocked.
    worker = [s for s in t.fiber('worker') if s['cat'] == 'running'][0]
    assert blocked[0]['ts'] < worker['ts'] < blocked[0]['ts'] + blocked[0]['dur'], (blocked, worker)
    # It has come back to a server, for it yields at the end: by way of a queue, or to one that stood
    # still.
    assert 'running' in states(reader[reader.index(blocked[0]):]), reader


def check_hint(t):
    """Four fibers that call blocking_now()."""
    check_agreement(t)
    hints = [h for h in t.handoffs() if h['args']['cause'] == 'hint']
    assert len(hints) == 4, t.handoffs()
    # Given away before the call: there is none yet to be named.
    assert not any('system_call' in h['args'] for h in hints), hints


def check_overflow(t):
    """Far more events than a ring has."""
    assert t.about['events_overwritten'] > 1000, t.about
    texts = [i['name'] for i in t.instants if 'overwritten' in i['name']]
    assert texts == [f"{t.about['events_overwritten']} earlier events were overwritten"], t.instants
    assert t.about['fibers_without_track'] >= 1 and len(t.tracks(FIBERS)) == 2, t.about


def main():
    t = Trace(sys.argv[1])
    check_form(t)
    for what in sys.argv[2:]:
        globals()['check_' + what](t)


main()
