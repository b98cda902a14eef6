# SPDX-License-Identifier: Apache-2.0
"""umcg.py - fibers in gdb, of a running process or of a core file.

    (gdb) source tools/gdb/umcg.py
    (gdb) umcg fibers            every fiber: id, name, state, what it waits for
    (gdb) umcg bt 12             the backtrace of fiber 12; a name will do
    (gdb) umcg bt all            of all of them
    (gdb) umcg fiber 12          selects its frames: bt, frame, up, info locals, print speak of it
    (gdb) umcg fiber             back to the thread

A parked fiber is no thread, so gdb is told that the selected thread's innermost frame (#0) was
called by the fiber's (#1 and on): by an unwinder, which works in core files too, where registers
cannot be set. Nothing in the process changes.

The layout comes from the table umcg_debug_layout in the library itself, so the library needs no
debug information. That of your own code is what names its lines.
"""

import gdb
import gdb.unwinder

VERSION = 2
DWARF_NAMES = {
    "x86-64": {3: "rbx", 6: "rbp", 12: "r12", 13: "r13", 14: "r14", 15: "r15"},
    "aarch64": {n: "x%d" % n for n in range(19, 31)},
}


class Failure(gdb.GdbError):
    pass


def read_number(address, size=8):
    data = gdb.selected_inferior().read_memory(address, size)
    return int.from_bytes(bytes(data), "little")


def read_text(address, most=256):
    text = b""
    while address != 0 and len(text) < most:
        byte = bytes(gdb.selected_inferior().read_memory(address + len(text), 1))
        if byte == b"\0":
            break
        text += byte
    return text.decode(errors="replace")


class Layout:
    """The library's table of numbers."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&umcg_debug_layout"))
        except gdb.error:
            raise Failure("no umcg library in this program, or no memory to read yet")
        self.numbers = {}
        self.addresses = {}
        self.saved = []  # (DWARF's number, offset)
        register = None
        while True:
            name_at, number, address = (read_number(at + 8 * i) for i in range(3))
            if name_at == 0:
                break
            name = read_text(name_at)
            if name == "saved.register":
                register = number
            elif name == "saved.offset":
                self.saved.append((register, number))
            else:
                self.numbers[name] = number
                self.addresses[name] = address
            at += 24
        if self["version"] != VERSION:
            raise Failure("this script is for another version of the library")

    def __getitem__(self, name):
        return self.numbers[name]

    def field(self, base, name, size=8):
        return read_number(base + self[name], size)


class Fiber:
    def __init__(self, layout, runtime, address):
        self.layout = layout
        self.runtime = runtime
        self.address = address
        self.id = layout.field(address, "fiber.id")
        self.state = layout.field(address, "fiber.state", 1)
        self.stack = layout.field(address, "fiber.stack")
        self.name = read_text(layout.field(address, "fiber.name"))

    def is_live(self):
        states = ("state.ready", "state.running", "state.parked")
        return self.state in [self.layout[s] for s in states]

    def is_running(self):
        return self.state == self.layout["state.running"]

    def thread(self):
        """The thread that it runs on, or that waits with it; None if it has none."""
        layout = self.layout
        slots = layout.field(self.runtime, "runtime.workers")
        for i in range(layout.field(self.runtime, "runtime.worker_count")):
            worker = read_number(slots + 8 * i)
            if layout.field(worker, "worker.current") == self.address:
                tid = layout.field(worker, "worker.tid", 4)
                for thread in gdb.selected_inferior().threads():
                    if tid in (thread.ptid[1], thread.ptid[0]):
                        return thread
        return None

    def wait(self):
        layout = self.layout
        word = layout.field(self.address, "fiber.waits_for")
        reason = word >> layout["wait.reason_shift"] & layout["wait.reason_mask"]
        if reason == 0 or reason >= layout["wait.reason_names"]:
            return ""
        name = read_text(read_number(layout.addresses["wait.reason_names"] + 8 * reason))
        address = (word & ((1 << layout["wait.reason_shift"]) - 1)) << 3
        return "waits for %s%s" % (name, " 0x%x" % address if address else "")

    def has_lent_its_stack(self):
        """Whether the fiber that it joins runs on it."""
        layout = self.layout
        word = layout.field(self.address, "fiber.waits_for")
        reason = word >> layout["wait.reason_shift"] & layout["wait.reason_mask"]
        other = (word & ((1 << layout["wait.reason_shift"]) - 1)) << 3
        if reason != layout["wait.join"] or self.stack == 0:
            return False
        return layout.field(other, "fiber.stack") == self.stack

    def has_memory(self):
        """Whether its stack is there: gcore leaves out all that follows a guard page."""
        return self.stack != 0 and self.layout.field(self.stack, "stack.low") != 0

    def registers(self):
        """pc, sp and what a callee preserves, by gdb's names; of a fiber that has left its stack."""
        layout = self.layout
        if self.has_lent_its_stack():
            raise Failure("the fiber that it joins runs on its stack: see there")
        if not self.has_memory():
            raise Failure("its stack is not in this core file: see docs/debugging.md, core files")
        lowest = self.lowest_in_use()
        frame = lowest if layout["saved.on_stack"] else self.stack + layout["stack.saved"]
        names = DWARF_NAMES[architecture()]
        found = {names[n]: read_number(frame + offset) for n, offset in layout.saved}
        found["sp"] = lowest + layout["saved.size"]
        found["pc"] = read_number(frame + layout["saved.pc"])
        return lowest, found

    def lowest_in_use(self):
        """Of the addresses of its stack."""
        return self.layout.field(self.stack, "stack.saved")

    def stack_use(self):
        if self.stack == 0 or self.is_running():
            return ""
        if self.has_lent_its_stack():
            return "stack on loan to that one"
        if not self.has_memory():
            return "stack not in this core file"
        size = self.stack - self.layout.field(self.stack, "stack.low")
        used = self.stack - self.lowest_in_use()
        return "%.1f of %.0f KiB of stack" % (used / 1024, size / 1024)

    def describe(self):
        thread = self.thread() if self.is_running() or self.stack == 0 else None
        if self.is_running():
            state = "running or blocked"
        elif self.state == self.layout["state.parked"]:
            state = "parked"
        else:
            state = "ready" if self.stack else "new"
        if thread is not None:
            state += " on thread %d (LWP %d)" % (thread.num, thread.ptid[1])
        parts = [state, self.wait(), self.stack_use()]
        return 'fiber %d "%s": %s' % (self.id, self.name, ", ".join(p for p in parts if p))


def architecture():
    name = gdb.selected_inferior().architecture().name()
    return "aarch64" if name.startswith("aarch64") else "x86-64"


def all_fibers():
    layout = Layout()
    for i in range(layout["runtimes"]):
        runtime = read_number(layout.addresses["runtimes"] + 8 * i)
        if runtime == 0:
            continue
        slab = read_number(runtime + layout["runtime.slabs"])
        while slab != 0:
            for n in range(layout["slab.count"]):
                fiber = Fiber(
                    layout, runtime, slab + layout["slab.fibers"] + n * layout["fiber.size"]
                )
                if fiber.is_live():
                    yield fiber
            slab = layout.field(slab, "slab.next")


def find_fiber(wanted):
    for fiber in all_fibers():
        if wanted in (str(fiber.id), fiber.name):
            return fiber
    raise Failure("no fiber %s" % wanted)


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class FiberUnwinder(gdb.unwinder.Unwinder):
    """Puts a fiber's frames behind the innermost frame of the selected thread."""

    def __init__(self):
        super().__init__("umcg fiber")
        self.fiber = None
        self.thread = None
        self.innermost = None

    def select(self, fiber):
        self.deselect()
        top = gdb.newest_frame()
        innermost = tuple(int(top.read_register(r)) for r in ("pc", "sp"))
        frame, registers = fiber.registers()
        self.thread = gdb.selected_thread().ptid
        self.fiber = (frame, registers)
        self.innermost = innermost
        gdb.invalidate_cached_frames()

    def deselect(self):
        if self.fiber is not None:
            self.fiber = None
            gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.fiber is None or gdb.selected_thread().ptid != self.thread:
            return None
        if tuple(int(pending.read_register(r)) for r in ("pc", "sp")) != self.innermost:
            return None
        frame, registers = self.fiber
        # Below the fiber's frames: gdb wants each caller's frame above.
        word = pending.read_register("sp").type
        info = pending.create_unwind_info(
            FrameId(gdb.Value(frame).cast(word), gdb.Value(self.innermost[0]).cast(word))
        )
        for name, value in registers.items():
            kind = pending.read_register(name).type
            info.add_saved_register(name, gdb.Value(value).cast(kind))
        return info


unwinder = FiberUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)
gdb.events.cont.connect(lambda event: unwinder.deselect())


class SelectedThread:
    """Comes back to the thread and the frame that were selected."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        return self

    def __exit__(self, *error):
        unwinder.deselect()
        self.thread.switch()


def needs_process():
    if gdb.selected_thread() is None:
        raise Failure("no process and no core file")


def print_backtrace(fiber):
    print(fiber.describe())
    with SelectedThread():
        thread = fiber.thread() if fiber.is_running() or fiber.stack == 0 else None
        if thread is not None:
            thread.switch()
            gdb.execute("backtrace")
        elif fiber.stack != 0 and not fiber.has_lent_its_stack():
            unwinder.select(fiber)
            lines = gdb.execute("backtrace", to_string=True).splitlines()
            # The thread's own frame, which may be more than one line.
            while lines and not lines[0].startswith("#1 "):
                lines.pop(0)
            print("\n".join(lines))


class Umcg(gdb.Command):
    """Fibers of the umcg library: umcg fibers, umcg bt ID|NAME|all, umcg fiber [ID|NAME]."""

    def __init__(self):
        super().__init__("umcg", gdb.COMMAND_STACK, prefix=True)


class UmcgFibers(gdb.Command):
    """Lists every fiber of every runtime: id, name, state, what it waits for."""

    def __init__(self):
        super().__init__("umcg fibers", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        needs_process()
        for fiber in all_fibers():
            print(fiber.describe())


class UmcgBt(gdb.Command):
    """umcg bt ID|NAME|all: the backtrace of a fiber."""

    def __init__(self):
        super().__init__("umcg bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        needs_process()
        wanted = argument.strip().strip('"')
        fibers = list(all_fibers()) if wanted == "all" else [find_fiber(wanted)]
        for fiber in fibers:
            print_backtrace(fiber)


class UmcgFiber(gdb.Command):
    """umcg fiber ID|NAME: selects the frames of a fiber; without one, the thread's own again."""

    def __init__(self):
        super().__init__("umcg fiber", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        needs_process()
        wanted = argument.strip().strip('"')
        unwinder.deselect()
        if not wanted:
            gdb.execute("frame")
            return
        fiber = find_fiber(wanted)
        print(fiber.describe())
        thread = fiber.thread() if fiber.is_running() or fiber.stack == 0 else None
        if thread is not None:
            thread.switch()
        elif fiber.stack == 0:
            raise Failure("it has not begun")
        else:
            unwinder.select(fiber)
            gdb.newest_frame().older().select()
        gdb.execute("frame")


Umcg()
UmcgFibers()
UmcgBt()
UmcgFiber()
