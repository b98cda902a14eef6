# SPDX-License-Identifier: Apache-2.0
"""The lines of the table: their titles, their order and the targets of the budget.

A line is (theme/variant, metric). Benchmarks that are not named here still appear, at the end and
under their bare names.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A limit for umcg's median. In ns or bytes, or a factor of the floor or of one peer."""

    limit: float
    of: str = ""  # "": absolute; "floor"; or the name of a peer
    of_metric: str = ""  # if the floor has it under another name

    def text(self, show):
        if not self.of:
            return f"≤ {show(self.limit)}"
        return f"≤ {self.limit:g} × {'the floor' if self.of == 'floor' else self.of}"


@dataclass(frozen=True)
class Line:
    name: str
    title: str
    metric: str = "ns_per_op"
    targets: dict = field(default_factory=dict)  # servers -> Target


def _floor(factor):
    return Target(factor, "floor")


def _threads(factor):
    return Target(factor, "std_thread")


def _socket(factor):
    return Target(factor, "unix_socket")


MS = 1e6

LINES = [
    Line("yield/two_fibers", "yield between two fibers", targets={1: _floor(2)}),
    Line("yield/one_fiber", "yield, nobody else ready"),
    Line("yield/100_fibers", "yield among 100 fibers"),
    Line("spawn/serial", "spawn + join, one at a time", targets={1: Target(38), 2: Target(90)}),
    Line("spawn/batch_10k", "spawn 10,000, join all; each", targets={1: Target(60)}),
    Line("fork_join/skynet_1m", "skynet, 1M leaves", targets={1: Target(45 * MS), 2: Target(33 * MS)}),
    Line("fork_join/skynet_100k", "skynet, 100k leaves"),
    Line("fork_join/fib_27", "fib(27), per spawned child", targets={1: Target(55), 2: Target(33)}),
    Line("fork_join/fib_20", "fib(20), per spawned child"),
    Line("scaling/skynet_100k", "skynet, 100k leaves, so many servers on all CPUs"),
    Line("ping_pong/pair", "semaphore ping-pong, round trip", targets={1: Target(40), 2: Target(200)}),
    Line("ping_pong/eight_pairs", "the same, eight pairs; each"),
    Line("ping_pong/across_busy", "the same, across two busy CPUs", targets={2: Target(200)}),
    Line("ping_pong/across", "the same, across two idle CPUs"),
    Line("channel/unbuffered", "unbuffered channels, round trip"),
    Line("channel/buffered", "channels with a buffer of one, round trip"),
    Line("channel/stream", "items through a buffer of 64, one sender, one receiver"),
    Line("channel/many", "the same, four senders, four receivers"),
    Line("channel/select", "select from four unbuffered channels, per item"),
    Line("mutex/uncontended", "mutex, one fiber, lock + unlock"),
    Line("mutex/100_fibers", "mutex, 100 fibers, per operation", targets={2: _floor(1.4)}),
    Line("mutex/yield_inside", "mutex, held over a yield"),
    Line("recursive_mutex/alone", "recursive mutex, one fiber, lock + unlock twice"),
    Line("recursive_mutex/16_fibers", "the same by 16 fibers"),
    Line("shared_mutex/read_alone", "shared mutex, one fiber, shared lock + unlock"),
    Line("shared_mutex/write_alone", "shared mutex, one fiber, lock + unlock"),
    Line("shared_mutex/readers", "shared mutex, 16 fibers, all read"),
    Line("shared_mutex/mixed", "shared mutex, 16 fibers, one lock of ten writes"),
    Line("shared_mutex/writers", "shared mutex, 16 fibers, all write"),
    Line("condition_variable/nobody", "condition variable, notify, nobody waits"),
    Line("condition_variable/ping_pong", "mutex + condition variable ping-pong, round trip"),
    Line("condition_variable/notify_all_16", "notify_all of 16 that wait, each"),
    Line("semaphore/alone", "semaphore, one fiber, acquire + release"),
    Line("semaphore/16_fibers", "the same by 16 fibers, four permits"),
    Line("event/alone", "event, one fiber, set + wait + reset"),
    Line("event/ping_pong", "event ping-pong, round trip"),
    Line("event/16_fibers", "event, one of 16 sets it in turn"),
    Line("wait_group/alone", "wait group, one fiber, add + done + wait"),
    Line("wait_group/16_fibers", "wait group, done() by 16 fibers, each"),
    Line("latch/alone", "latch of one: make it, count down, wait"),
    Line("latch/16_fibers", "latch, 16 fibers meet"),
    Line("barrier/alone", "barrier of one, arrive_and_wait"),
    Line("barrier/pair", "barrier, two fibers meet"),
    Line("barrier/16_fibers", "barrier, 16 fibers meet"),
    Line("once/alone", "call_once that has run, one fiber"),
    Line("once/16_fibers", "the same by 16 fibers"),
    Line("fiber_local/get", "fiber-local value, get"),
    Line("future/alone", "promise kept and fetched by one fiber"),
    Line("future/round_trip", "promise and future, round trip"),
    Line("future/when_all_100", "when_all of 100 futures, the whole"),
    Line("scope/children_100", "scope of 100 children, each"),
    Line("post/batch", "post without a handle + wait group, each"),
    Line("remote/serial", "spawn + join from outside the runtime"),
    Line("remote/batch", "spawn 5,000 from outside, join all; each"),
    Line("parallel_for/coarse", "loop over 10M elements, 64 parts"),
    Line("parallel_for/fine", "the same in 2,000 parts"),
    Line("timer/arm_cancel", "timer, cancel + arm, nothing else armed"),
    Line("timer/arm_cancel_1m", "timer, cancel + arm, 1M armed"),
    Line("timer/timed_wait", "semaphore ping-pong with deadlines, round trip"),
    Line("timer/sleep_1ms", "1 ms sleep, how late, median"),
    Line("timer/sleep_1ms", "1 ms sleep, how late, p99", metric="p99_ns"),
    Line("swap/two_threads", "umcg_swap of two threads, on one CPU or on two",
         targets={1: _floor(1.1)}),
    Line("swap/two_processes", "umcg_shared_swap of two processes, on one CPU or on two",
         targets={1: _floor(1.1)}),
    Line("rpc/bytes_64", "RPC of 64 bytes, round trip, median",
         targets={1: _socket(0.5), 2: _socket(0.5)}),
    Line("rpc/bytes_64", "RPC of 64 bytes, round trip, p99", metric="p99_ns"),
    Line("rpc/bytes_4096", "RPC of 4 KiB, round trip, median",
         targets={1: _socket(0.5), 2: _socket(0.5)}),
    Line("rpc/bytes_4096", "RPC of 4 KiB, round trip, p99", metric="p99_ns"),
    Line("rpc/callers_16", "RPC of 64 bytes, 16 callers at once; each call",
         targets={1: _socket(0.5), 2: _socket(0.5)}),
    Line("blocking/hint_no_block", "blocking(f) that does not block", targets={1: Target(15)}),
    Line("handoff/block_to_next", "block to next fiber running, median", targets={1: _floor(4)}),
    Line("handoff/block_to_next", "block to next fiber running, p99", metric="p99_ns",
         targets={1: Target(4, "floor", "ns_per_op")}),
    Line("handoff/block_to_next_hog", "the same beside a CPU hog, median"),
    Line("handoff/block_to_next_hog", "the same beside a CPU hog, p99", metric="p99_ns",
         targets={1: Target(2 * MS)}),
    Line("blocking/raw_block", "64 × 100 × (1 ms raw block + 50 µs CPU)",
         targets={1: _threads(1.1), 2: _threads(1.1)}),
    Line("blocking/raw_block_yield", "the same with a yield per round",
         targets={1: _threads(1.2), 2: _threads(1.2)}),
    Line("blocking/raw_block_6400", "6,400 fibers of one such round",
         targets={1: _threads(1.2), 2: _threads(1.2)}),
    Line("blocking/raw_block_first", "64 × 100 × the same, the first time in a runtime"),
    Line("blocking/two_runtimes", "64 × 100 × the same, in two runtimes on the same CPUs",
         targets={1: _floor(1.2), 2: _floor(1.2)}),
    Line("blocking/read_block", "64 × 100 × (1 ms in read(2) + 50 µs CPU)",
         targets={1: _threads(1.1), 2: _threads(1.1)}),
    Line("blocking/read_block_yield", "the same with a yield per round",
         targets={1: _threads(1.2), 2: _threads(1.2)}),
    Line("blocking/read_block_6400", "6,400 fibers of one such round",
         targets={1: _threads(1.2), 2: _threads(1.2)}),
    Line("blocking/page_fault", "64 × 100 × (a page from disk + 50 µs CPU)",
         targets={1: _threads(1.1), 2: _threads(1.1)}),
    Line("blocking/page_fault_yield", "the same with a yield per round",
         targets={1: _threads(1.2), 2: _threads(1.2)}),
    Line("blocking/page_fault_6400", "6,400 fibers of one such round",
         targets={1: _threads(1.2), 2: _threads(1.2)}),
    Line("handoff/short_block_3", "16 × 200 × (3 µs raw block + 10 µs CPU)",
         targets={1: _floor(1.1)}),
    Line("handoff/short_block_10", "the same with 10 µs", targets={1: _floor(1.1)}),
    Line("handoff/short_block_20", "the same with 20 µs", targets={1: _floor(1.1)}),
    Line("handoff/sleeper_beside_hogs", "1 ms sleep beside 4 CPU hogs, how late, median"),
    Line("handoff/sleeper_beside_hogs", "1 ms sleep beside 4 CPU hogs, how late, p99",
         metric="p99_ns", targets={2: Target(1 * MS)}),
    Line("handoff/woken_beside_hogs", "woken from outside beside a hog per CPU, how late, median"),
    Line("handoff/woken_beside_hogs", "woken from outside beside a hog per CPU, how late, p99",
         metric="p99_ns"),
    Line("handoff/hog_tasks", "200 tasks of 20 ms CPU, each"),
    Line("handoff/hog_tasks", "200 tasks of 20 ms CPU, threads used", metric="os_threads"),
    Line("oracle/look_blocked", "a look at a blocked thread"),
    Line("oracle/look_running", "a look at a thread that computes"),
    Line("oracle/switch", "a switch between two watched threads, one CPU"),
    Line("pool/tiny_1m", "pool: 1M tiny tasks, each"),
    Line("pool/submit_10k", "pool: 10,000 tasks with results, each"),
    Line("pool/blocking", "pool: 6,400 tasks of 1 ms blocked + 50 µs CPU"),
    Line("pool/mixed", "pool: 100,000 tasks, each 100th of them such"),
    Line("open_loop/computing", "pool, 50 % busy with 30 µs tasks, arrival to end, median"),
    Line("open_loop/computing", "pool, 50 % busy with 30 µs tasks, arrival to end, p99",
         metric="p99_ns"),
    Line("open_loop/mixed", "the same pool, each 10th task blocks 1 ms first, median"),
    Line("open_loop/mixed", "the same pool, each 10th task blocks 1 ms first, p99",
         metric="p99_ns"),
    Line("million/parked_1m", "1M parked fibers, memory of each", metric="bytes_per_fiber",
         targets={1: Target(4300)}),
    Line("million/parked_1m", "1M parked fibers, to create one", metric="create_ns",
         targets={1: Target(2700)}),
    Line("million/parked_1m", "1M parked fibers, wake + join of one", metric="wake_join_ns",
         targets={1: Target(300)}),
    Line("million/parked_100k", "100k parked fibers, memory of each", metric="bytes_per_fiber"),
    Line("million/parked_100k", "100k parked fibers, to create one", metric="create_ns"),
    Line("million/parked_100k", "100k parked fibers, wake + join of one", metric="wake_join_ns"),
]

# (name, metric, servers) of the extract in README.md.
README_LINES = {(name, "ns_per_op", servers) for name, servers in [
    ("yield/two_fibers", 1), ("spawn/serial", 1), ("spawn/batch_10k", 2),
    ("fork_join/skynet_1m", 1), ("fork_join/skynet_100k", 2), ("fork_join/fib_27", 1),
    ("ping_pong/pair", 1), ("ping_pong/across", 2), ("channel/unbuffered", 1),
    ("mutex/uncontended", 1), ("mutex/100_fibers", 2), ("swap/two_threads", 1),
    ("blocking/hint_no_block", 1), ("handoff/block_to_next", 1), ("blocking/raw_block", 1),
    ("blocking/raw_block", 2), ("blocking/raw_block_yield", 2), ("blocking/raw_block_6400", 2),
    ("pool/tiny_1m", 2), ("open_loop/computing", 1)]} | {
    ("open_loop/mixed", "p99_ns", 1), ("handoff/sleeper_beside_hogs", "p99_ns", 2),
    ("million/parked_1m", "bytes_per_fiber", 1), ("million/parked_1m", "create_ns", 1)}
