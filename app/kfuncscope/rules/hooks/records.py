# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records of trace events: what a ``tracepoint/`` program finds in its context, and where the record ends.

The record of an event is ``struct trace_event_raw_CLASS`` (R-7.8). Programs on ``syscalls/*`` get another one: the
kernel makes a ``struct syscall_tp_t`` that lies as ``struct syscall_trace_enter`` and ``_exit`` do, whatever
``struct trace_event_raw_sys_enter`` says (R-12.9). A program that read past the last field is refused when it is
attached (kernel/events/core.c, perf_event_set_bpf_prog; R-12.8).
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.object import CtxLoad, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.common import common_table
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import ctx_loads

SYSCALLS = "syscalls"
MOST_ARGS = 6  # SYSCALL_DEFINE_MAXARGS
COPY = 4  # bytes of the field that stands behind the arguments for each one whose user data is copied
MOST_COPIES = 3
REST = "__data"  # the flexible end of every record


class Field(NamedTuple):
    """A member of a record, offset and size in bytes."""

    name: str
    offset: int
    size: int


class Record(NamedTuple):
    """What a program on an event can read; ``end`` is 0 where it is not known."""

    fields: tuple[Field, ...]
    end: int

    def at(self, offset: int) -> Field | None:
        """The member that covers an offset."""
        return next((f for f in self.fields if f.offset <= offset < f.offset + max(f.size, 1)), None)


def event_struct(kernel: Kernel, event: str) -> tuple[Blob, int] | None:
    """``struct trace_event_raw_*`` of an event: of its own name, or of the class that the tables name (R-7.8)."""
    fact = kernel.knowledge.tracepoints.get(event)
    for name in (event, fact.event_class if fact else ""):
        for _, blob, struct in kernel.types(f"trace_event_raw_{name}", Kind.STRUCT) if name else []:
            return blob, struct
    return None


def record_of(kernel: Kernel, program: Program) -> Record | None:
    """The record that a ``tracepoint/SYSTEM/EVENT`` program gets on a kernel; None where no file tells."""
    system, _, event = program.section.target.partition("/")
    if system == SYSCALLS:
        return _syscall_record(kernel, event)
    found = event_struct(kernel, event)
    if found is None:
        return None
    fields = _fields(*found)
    told = len(fields) > 1 and fields[-1].name == REST
    return Record(tuple(fields), fields[-2].offset + fields[-2].size if told else 0)


def _fields(blob: Blob, struct: int) -> list[Field]:
    return [Field(m.name, m.bit_offset // 8, blob.size(m.type)) for m in members_flat(blob, struct)]


def _syscall_record(kernel: Kernel, event: str) -> Record | None:
    enters = event.startswith("sys_enter_")
    name = "syscall_trace_enter" if enters else "syscall_trace_exit"
    for _, blob, struct in kernel.types(name, Kind.STRUCT):
        fields = _fields(blob, struct)
        if not fields:
            return None
        if not enters:
            return Record(tuple(fields), fields[-1].offset + fields[-1].size)
        start, word = fields[-1].offset, _word(blob, struct)
        args = [Field(f"args[{i}]", start + word * i, word) for i in range(MOST_ARGS)]
        call = event.removeprefix("sys_enter_")
        count = _arguments(kernel, call)
        before = fields[-2].offset + fields[-2].size if len(fields) > 1 else start
        end = (start + word * count if count else before) + _copies(kernel, call)
        return Record((*fields[:-1], *args), end)
    return None


def _word(blob: Blob, struct: int) -> int:
    """Bytes of one argument: the elements of ``args``, the last member."""
    args = blob.skip(blob.members(struct)[-1].type)
    return blob.size(blob.array(args).type) if blob.kind(args) == Kind.ARRAY else blob.size(args)


def _arguments(kernel: Kernel, call: str) -> int:
    """How many arguments a system call has; as many as any where neither a function of the BTF nor the table tells.

    ``sys_X`` has them only where calls are not wrapped: else it takes a pointer to the registers. The table has what no
    architecture and no release changes.
    """
    for name in (f"__do_sys_{call}", f"__se_sys_{call}", f"sys_{call}"):
        for _, blob, func in kernel.functions(name, "vmlinux"):
            params = blob.params(func)
            if not any(_is_registers(blob, p.type) for p in params):
                return min(len(params), MOST_ARGS)
    known = common_table("syscall_args")["arguments"].get(call)
    return known[0] if known is not None else MOST_ARGS


def _is_registers(blob: Blob, type_id: int) -> bool:
    bare = blob.skip(type_id)
    return blob.kind(bare) == Kind.PTR and blob.name(blob.skip(blob.ref(bare))) == "pt_regs"


def _copies(kernel: Kernel, call: str) -> int:
    """Bytes of the fields behind the arguments, in kernels that copy user data into the record."""
    for _, blob, struct in kernel.types("syscall_metadata", Kind.STRUCT):
        if any(m.name == "user_mask" for m in blob.members(struct)):
            known = common_table("syscall_args")["arguments"].get(call)
            return COPY * (known[1] if known is not None else MOST_COPIES)
    return 0


def relocated_loads(ctx: Context, program: Program) -> list[CtxLoad]:
    """Reads of the context that can run on a kernel, with the offsets and sizes that CO-RE gives them there."""
    loads = ctx_loads(ctx.obj, program)
    if not loads:
        return []
    flow, found = ctx.reachable(program), []
    for load in loads:
        if not flow.is_reached(load.function, load.at):
            continue
        if load.at not in load.function.core:
            found.append(load)
            continue
        reloc = ctx.relocs(load.function).get(load.at)
        if reloc is not None and reloc.outcome == "patched":
            moved = load.offset - load.function.insns[load.at].off + reloc.new
            found.append(load._replace(offset=moved, size=reloc.size or load.size))
    return found
