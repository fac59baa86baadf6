# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small upgrade from 6.12 to 7.3 that the engine judges: kernels and objects are built here, results are not.

One program for each verdict, in objects as distributions ship them. ``judged`` gives the verdict of one object on one
architecture, ``finding`` one finding of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.analysis import KernelInfo, ObjectInfo
from kfuncscope.model.verdict import Finding, ObjectVerdict
from kfuncscope.storage.files import Input, InputProblem, ObjectFile, Place
from kfuncscope.upgrade.executors.tasks import judge_pair
from kfuncscope.upgrade.known import kernel_info
from kfuncscope.upgrade.pairs import Pair
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    Insn,
    ObjectBuilder,
    alu,
    call,
    core,
    exit_,
    jmp,
    kfunc,
    ld_sym,
    ldx,
    line,
    mov,
)
from support.kernels import CONFIG, KernelBuilder

RELEASES = ("6.12.107", "7.3.4")
END = [mov(0, 0), exit_()]
LOOKUP, SETSOCKOPT, CURRENT = 1, 49, 35  # helpers: bpf_map_lookup_elem, bpf_setsockopt, bpf_get_current_task
Maker = Callable[[ObjectBuilder], ObjectBuilder]


def sha(text: str) -> str:
    """A SHA-256 that belongs to a name."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# -- kernels


@cache
def kernel(arch: str, new: bool, jit: bool = True) -> Kernel:
    """Debian's kernel of the old or the new release, as far as the objects below ask for it."""
    kb = KernelBuilder("7.3" if new else "6.12", arch)
    kb.release = RELEASES[new]
    _kfuncs(kb, new)
    _types(kb, new)
    if not new:
        kb.tracepoint("xdp_redirect_map", [("prog", kb.u64)])
        kb.tracepoint("xdp_redirect_map_err", [("prog", kb.u64)])
    kb.tracepoint("xdp_cpumap_enqueue", [("map_id", kb.s32)])
    kb.hook("blk_update_request", [("now", kb.u64)])
    status = [("error", kb.s32), ("nr_bytes", kb.s32)]
    kb.tracepoint("block_rq_insert", [("rq", kb.u64)])
    kb.tracepoint("task_newtask", [("flags", kb.u64)])
    kb.tracepoint("block_rq_complete", [("rq", kb.u64), *(reversed(status) if new else status)])
    kb.btf.func("__traceiter_block_rq_complete", kb.s32,
                [("__data", kb.btf.ptr()), ("rq", kb.u64), *(reversed(status) if new else status)])  # fmt: skip
    config = {k: v for k, v in CONFIG.items() if jit or k != "BPF_JIT"}
    return kb.kernel(config=config, label=f"Debian {RELEASES[new]}")


def _kfuncs(kb: KernelBuilder, new: bool) -> None:
    task = kb.btf.ptr(kb.btf.once("struct", "task_struct", (("pid", kb.s32),)))
    dispatch = [("p", task), ("dsq_id", kb.u64), ("slice", kb.u64), ("enq_flags", kb.u64)]
    kb.btf.kfunc("scx_bpf_dsq_insert" if new else "scx_bpf_dispatch", 0, dispatch)
    if new:
        kb.btf.kfunc("scx_bpf_dsq_move_to_local", kb.s32, [("dsq_id", kb.u64)])
    else:
        kb.btf.kfunc("scx_bpf_consume", kb.s32, [("dsq_id", kb.u64)])
        kb.btf.kfunc("bpf_wq_set_callback_impl", kb.s32, [("flags", kb.u32)])
    kb.btf.kfunc("scx_bpf_create_dsq", kb.s32, [("dsq_id", kb.u64), ("node", kb.s32)])
    kb.btf.kfunc("hid_bpf_get_data", kb.u64, [("offset", kb.u32)])
    size = kb.s64 if new else kb.s32
    kb.btf.kfunc("bpf_dynptr_slice", kb.btf.ptr(), [("offset", size), ("buffer__szk", size)])
    kb.btf.kfunc("bpf_dynptr_size", kb.s64 if new else kb.s32, [("offset", kb.u32)])


def _types(kb: KernelBuilder, new: bool) -> None:
    load = [("load", kb.u64)]
    kb.btf.struct("cfs_rq", load if new else [*load, ("nr_running", kb.u32), ("h_nr_running", kb.u32)])
    page = kb.btf.struct("page", [("flags", kb.u64)] if new else [("flags", kb.u64), ("index", kb.u64)])
    kb.hook("migrate_misplaced_folio", [("page", kb.btf.ptr(page))])
    kb.btf.struct("tcp_sock", [("pad", kb.u64), ("srtt_us", kb.u32 if new else kb.u64)])
    callback = kb.callback()
    kb.ops("sched_ext_ops", [(m, callback) for m in ("enqueue", "dispatch", "init")])
    kb.ops("hid_bpf_ops", [("hid_device_event", callback)])


# -- objects


def _ops(ob: ObjectBuilder, name: str, programs: dict[str, str]) -> None:
    """A struct_ops map whose members are served by programs."""
    pointer = ob.btf.ptr(ob.btf.proto(ob.s32))
    made = ob.btf.struct(name, [(member, pointer) for member in programs])
    ob.struct_ops("ops", made, 8 * len(programs), {8 * i: p for i, p in enumerate(programs.values())})


def _call(ob: ObjectBuilder, name: str, number: int, text: str, file: str) -> list[Insn]:
    return line(kfunc(name), number, text, file)


def scx_simple(ob: ObjectBuilder) -> ObjectBuilder:
    """Two strong kfuncs that were renamed; the object goes down with them."""
    task = ob.btf.ptr(ob.btf.struct("task_struct", [("pid", ob.s32)]))
    four = [("p", task), ("dsq_id", ob.u64), ("slice", ob.u64), ("enq_flags", ob.u64)]
    ob.extern_func("scx_bpf_dispatch", ob.btf.proto(0, four))
    ob.extern_func("scx_bpf_consume", ob.btf.proto(ob.s32, [("dsq_id", ob.u64)]))
    ob.extern_func("scx_bpf_create_dsq", ob.btf.proto(ob.s32, [("dsq_id", ob.u64), ("node", ob.s32)]))
    _ops(ob, "sched_ext_ops", {"enqueue": "simple_enqueue", "dispatch": "simple_dispatch", "init": "simple_init"})
    file = "scx_simple.bpf.c"
    text = "scx_bpf_dispatch(p, SHARED_DSQ, slice, flags);"
    ob.program("struct_ops/simple_enqueue", "simple_enqueue",
               [call(LOOKUP), _call(ob, "scx_bpf_dispatch", 58, text, file), *END])  # fmt: skip
    ob.program("struct_ops/simple_dispatch", "simple_dispatch",
               [_call(ob, "scx_bpf_consume", 71, "scx_bpf_consume(SHARED_DSQ);", file), *END])  # fmt: skip
    create = _call(ob, "scx_bpf_create_dsq", 80, "scx_bpf_create_dsq(SHARED_DSQ, -1);", file)
    return ob.program("struct_ops.s/simple_init", "simple_init", [create, *END])


def xdp_monitor(ob: ObjectBuilder) -> ObjectBuilder:
    """Two tracepoints that are gone, one that stays."""
    for name in ("xdp_redirect_map", "xdp_redirect_map_err", "xdp_cpumap_enqueue"):
        ob.program(f"tp_btf/{name}", f"tp_{name}", [call(LOOKUP), *END])
    return ob


def xdp_bench(ob: ObjectBuilder) -> ObjectBuilder:
    """Another user of a tracepoint that is gone."""
    return ob.program("tp_btf/xdp_redirect_map", "tp_redirect_map", END)


def runqlen(ob: ObjectBuilder) -> ObjectBuilder:
    """A field that is gone, read without a test."""
    rq = ob.btf.struct("cfs_rq", [("load", ob.u64), ("nr_running", ob.u32)])
    read = core(ldx(4, 3, 6, 8), rq, "0:1", FIELD_BYTE_OFFSET)
    code = [call(CURRENT), mov(6, 0), *line(read, 31, "nr = BPF_CORE_READ(cfs, nr_running);", "runqlen.bpf.c"), *END]
    return ob.program("perf_event", "do_sample", code)


def numamove(ob: ObjectBuilder) -> ObjectBuilder:
    """A field that is gone, tested before it is read; a program that is not touched."""
    page = ob.btf.struct("page", [("flags", ob.u64), ("index", ob.u64)])
    asked = core(mov(2, 1), page, "0:1", FIELD_EXISTS)
    guard = line(jmp("==", 2, 0, "out"), 12, "if (bpf_core_field_exists(page->index))", "numamove.bpf.c")
    read = line(core(ldx(8, 3, 6, 8), page, "0:1", FIELD_BYTE_OFFSET), 13, "index = page->index;", "numamove.bpf.c")
    code = [ldx(8, 6, 1, 0), asked, guard, read, "out:", *END]
    ob.program("fentry/migrate_misplaced_folio", "fentry_migrate_misplaced_page", code)
    return ob.program("fentry/migrate_misplaced_folio", "fentry_migrate_misplaced_folio", END)


def hid(ob: ObjectBuilder) -> ObjectBuilder:
    """A weak kfunc that is gone, tested before the call."""
    ob.extern_func("bpf_wq_set_callback_impl", ob.btf.proto(ob.s32, [("flags", ob.u32)]), weak=True)
    ob.extern_func("hid_bpf_get_data", ob.btf.proto(ob.u64, [("offset", ob.u32)]))
    _ops(ob, "hid_bpf_ops", {"hid_device_event": "hid_events"})
    name, file = "bpf_wq_set_callback_impl", "XPPen__ACK05.bpf.c"
    guard = line(jmp("==", 2, 0, "out"), 98, f"if (bpf_ksym_exists({name}))", file)
    code = [call(LOOKUP), ld_sym(2, name), guard, _call(ob, name, 99, "bpf_wq_set_callback(wq, on_timer, 0);", file)]
    get = _call(ob, "hid_bpf_get_data", 101, "hid_bpf_get_data(ctx, 0, 4);", file)
    ob.program("struct_ops/hid_device_event", "hid_events", [*code, "out:", get, *END])
    return ob.program("syscall", "probe", END)


def tcp_rtt(ob: ObjectBuilder) -> ObjectBuilder:
    """A field that shrank, copied with the size that it had."""
    sock = ob.btf.struct("tcp_sock", [("pad", ob.u64), ("srtt_us", ob.u64)])
    read = core(alu("+", 3, 8), sock, "0:1", FIELD_BYTE_OFFSET)
    code = [mov(3, 0), *line(read, 22, "bpf_core_read(&rtt, sizeof(rtt), &tp->srtt_us);", "tcp_rtt.bpf.c"), *END]
    return ob.program("sockops", "sock_ops", code)


def skb_parse(ob: ObjectBuilder) -> ObjectBuilder:
    """A kfunc whose arguments became wider, signed ones."""
    ob.extern_func("bpf_dynptr_slice", ob.btf.proto(ob.btf.ptr(), [("offset", ob.u32), ("buffer__szk", ob.u32)]))
    made = _call(ob, "bpf_dynptr_slice", 40, "bpf_dynptr_slice(&ptr, 0, buf, 20);", "skb_parse.bpf.c")
    return ob.program("tc", "parse_headers", [made, *END])


def lb(ob: ObjectBuilder) -> ObjectBuilder:
    """A section that libbpf does not know."""
    return ob.program("loadbalancer", "lb_main", END)


def systemd(name: str) -> Maker:
    """A program that the upgrade leaves alone."""
    return lambda ob: ob.program("cgroup_skb/egress", f"{name}_main", [call(LOOKUP), *END])


def ksnoop(ob: ObjectBuilder) -> ObjectBuilder:
    """Another one."""
    return ob.program("kprobe", "on_entry", [call(LOOKUP), *END])


def biolatency(ob: ObjectBuilder) -> ObjectBuilder:
    """Two arguments of a raw tracepoint that changed places; a probe inside a function."""
    read = line(ldx(8, 3, 1, 8), 17, "error = ctx->args[1];", "biolatency.bpf.c")
    ob.program("raw_tp/block_rq_complete", "block_rq_complete", [*read, call(LOOKUP), *END])
    ob.program("kprobe/blk_update_request+0x10", "blk_account", END)
    return ob.program("raw_tp/block_rq_insert", "block_rq_insert", [call(LOOKUP), *END])


def tasks(ob: ObjectBuilder) -> ObjectBuilder:
    """A kfunc that returns a wider signed number."""
    ob.extern_func("bpf_dynptr_size", ob.btf.proto(ob.u32, [("offset", ob.u32)]))
    made = _call(ob, "bpf_dynptr_size", 33, "n = bpf_dynptr_size(&ptr);", "tasks.bpf.c")
    return ob.program("tp_btf/task_newtask", "acquire", [made, call(LOOKUP), *END])


def old_tool(ob: ObjectBuilder) -> ObjectBuilder:
    """A helper that the program type never had."""
    return ob.program("kprobe/blk_update_request", "main", [call(SETSOCKOPT), *END])


OBJECTS: dict[str, tuple[str, Maker]] = {
    "scx_simple": ("scx-schedulers 1.0", scx_simple),
    "xdp-monitor": ("xdp-tools 1.5.4", xdp_monitor),
    "xdp-bench.2": ("xdp-tools 1.5.4", xdp_bench),
    "runqlen": ("libbpf-tools 0.37.0", runqlen),
    "numamove": ("libbpf-tools 0.37.0", numamove),
    "XPPen__ACK05": ("udev-hid-bpf 2.3.0", hid),
    "tcp_rtt": ("bpftune 0.4.2", tcp_rtt),
    "skb_parse": ("cilium 1.19", skb_parse),
    "lb": ("suricata 8.0.7", lb),
    **{n: ("systemd 262.1", systemd(n)) for n in ("restrict_ifaces", "socket_bind", "userns_restrict")},
    "ksnoop": ("bpftool 7.7.0", ksnoop),
    "biolatency": ("libbpf-tools 0.37.0", biolatency),
    "tasks": ("own 1.0", tasks),
    "old_tool": ("legacy 0.1", old_tool),
}


@cache
def file(name: str, endian: str = "<") -> ObjectFile:
    """An object as its package ships it for one byte order."""
    package, make = OBJECTS[name]
    data = make(ObjectBuilder(endian)).build()
    return ObjectFile(name, data, sha(name), (Place(package, f"usr/lib/bpf/{name}.bpf.o"),))


# -- what the engine says of them


@cache
def judged(name: str, arch: str = "x86_64", jit: bool = True) -> ObjectVerdict:
    """The verdict of one object on one architecture; ``jit`` tells whether the new kernel has a JIT."""
    pair = Pair(kernel(arch, False), kernel(arch, True, jit))
    one = file(name, pair.new.endian)
    return judge_pair(read_object(one.data, name), one, pair)


def finding(name: str, program: str = "", arch: str = "x86_64", jit: bool = True) -> Finding:
    """The worst finding of an object's first (or named) program."""
    verdict = judged(name, arch, jit)
    return next(p for p in verdict.programs if program in ("", p.program)).findings[0]


def info(arch: str, new: bool) -> KernelInfo:
    """A kernel as results name it, with a package that it came from."""
    made = kernel_info(kernel(arch, new))
    path = f"linux-image-{RELEASES[new]}-{arch}.deb"
    label, inputs = f"Debian {RELEASES[new]}", (Input(path, sha(path), 104_857_600),)
    return KernelInfo(label, arch, made.release, made.kfuncs, made.facts, inputs, made.faults)


def object_info(name: str, arches: tuple[str, ...]) -> ObjectInfo:
    """An object as results name it, judged on some architectures."""
    one = file(name)
    programs = len(judged(name, "x86_64").programs)
    return ObjectInfo(name, one.sha256, len(one.data), one.places, programs, judged_on=arches)


@cache
def damaged() -> InputProblem:
    """What the reader says of an object that was cut off."""
    data = file("runqlen").data
    try:
        read_object(data[: len(data) // 2], "broken.bpf.o")
    except InputError as error:
        return InputProblem(error.source, error.reason, error.offset)
    raise AssertionError("half an object was read")
