# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Loaders differ, and some are too old for the new kernel (R-12.20)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.bpf.sections import prefix_section, read_section
from kfuncscope.errors import SessionError
from kfuncscope.intake.loaders import loader_in, named_for, together, with_choices
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.knowledge.versions import loaders, version_of
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Reach, Tri, Verdict
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.checks.loader import unread
from kfuncscope.rules.judge import judge
from kfuncscope.storage.files import KernelFiles, Loader, ObjectFile, Place
from support.archivewriter import deb
from support.bpfwriter import ObjectBuilder, core, exit_, kfunc, ld_sym, ldx, mov
from support.btfwriter import BtfWriter
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]


def named(*sections: str, static: str = "") -> ObjectBuilder:
    """An object with a program in each of these sections."""
    ob = ObjectBuilder()
    for number, section in enumerate(sections):
        ob.program(section, f"p{number}", END, linkage=0 if section == static else 1)
    return ob


# -- what an object means to its loader


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("tc/tail", "SCHED_CLS"), ("socket/x", "SOCKET_FILTER"), ("classifier/from-host", "SCHED_CLS"),
        ("xdp_root", "XDP"), ("sk_msg2", "SK_MSG"), ("?xdp_root", "XDP"), ("cgroup/dev_x", "CGROUP_DEVICE"),
        ("kprobesomething", ""), ("odd", ""), ("tracepointx", ""),
    ],
)  # fmt: skip
def test_names_by_prefix(section: str, kind: str) -> None:
    """Rows without + or / fit what begins so; the others take a target after a slash alone, as libbpf has them."""
    assert read_section(section).prog_type == ""
    found = prefix_section(section)
    assert (found.prog_type if found else "") == kind
    if found is not None:
        assert found.target == "" and found.autoload == (section[0] != "?")


@pytest.mark.parametrize(
    ("loader", "types", "static"),
    [
        (Loader(), ["XDP", "SCHED_CLS", ""], False),
        (Loader("cilium"), ["XDP", "SCHED_CLS"], False),
        (Loader("aya"), ["XDP", "SCHED_CLS", ""], False),
        (Loader("libbpf", chosen=True), ["XDP", "", ""], True),
        (Loader("libbpf"), ["XDP", "SCHED_CLS", ""], False),
    ],
)
def test_what_each_loader_takes(loader: Loader, types: list[str], static: bool) -> None:
    """cilium/ebpf skips functions in sections it does not know; libbpf refuses static programs where it was chosen."""
    obj = read_object(named("xdp", "tc/tail", "odd").build(), "x", None, loader)
    if not loader.name:
        types = types[:2]  # tc/tail shows a loader like cilium/ebpf
    assert [p.section.prog_type for p in obj.programs] == types
    told = read_object(named("xdp", "tc", static="tc").build(), "x", None, loader)
    assert bool(told.loader_issue) == static


@pytest.mark.parametrize(
    ("section", "meaning"),
    [
        ("s_kprobe:vfs_read_1", ("KPROBE", "vfs_read")), ("s_kretprobe:vfs_read_12", ("KPROBE", "vfs_read")),
        ("s_tracepoint:sched:sched_switch_1", ("TRACEPOINT", "sched/sched_switch")),
        ("s_rawtracepoint:sys_enter_1", ("RAW_TRACEPOINT", "sys_enter")),
        ("s_fentry:vmlinux:vfs_read_1", ("TRACING", "vfs_read")), ("s_kretfunc:vfs_read_1", ("TRACING", "vfs_read")),
        ("s_profile:hz:99_1", ("PERF_EVENT", "")), ("s_uprobe:/bin/sh:main_1", ("KPROBE", "")),
        ("s_BEGIN_1", ("KPROBE", "")), ("s_iter:task_1", ("TRACING", "task")),
    ],
)  # fmt: skip
def test_sections_of_bpftrace(section: str, meaning: tuple[str, str]) -> None:
    obj = read_object(named(section).build(), "x")
    assert obj.loaded_by == "bpftrace"
    (program,) = obj.programs
    assert (program.section.prog_type, program.section.target) == meaning


def test_aya_is_shown_by_its_names() -> None:
    ob = named("xdp")
    ob.btf.struct("aya_ebpf::maps::HashMap", [("a", ob.u32)])
    assert read_object(ob.build(), "x").loaded_by == "aya"
    assert read_object(named("xdp").build(), "x").loaded_by == ""


# -- what a program or library around an object tells

MARKS = loaders()["libbpf"].marks


def binary(*texts: str) -> bytes:
    return b"\x7fELF\x02\x01" + bytes(60) + b"\0".join(t.encode() for t in ("", *texts, ""))


@pytest.mark.parametrize(
    ("texts", "loader"),
    [
        (["dep\tgithub.com/cilium/ebpf\tv0.12.3\th1:x"], ("cilium", "0.12", "0.12")),
        (["github.com/cilium/ebpf/internal/btf.LoadKernelSpec"], ("cilium", "", "0.8")),
        (["github.com/cilium/ebpf/btf.LoadKernelSpec"], ("cilium", "0.9", "")),
        (["github.com/cilium/ebpf.NewMap"], ("cilium", "", "")),
        (["/root/.cargo/registry/src/index/aya-0.12.1/src/bpf.rs"], ("aya", "0.12", "0.12")),
        (["libbpf.so.0", "LIBBPF_0.5.0"], ("libbpf", "0.5", "0.8")),
        (["libbpf.so.1", "LIBBPF_1.0.0", "LIBBPF_0.8.0", "LIBBPF_1.10.0"], ("libbpf", "1.10", "")),
        (["libbpf.so.1"], ("libbpf", "", "")),
        (["libbpf: not a mark"], ("libbpf", "", "")),
        (["mylibbpf.so.1x"], ("", "", "")),
        (["nothing"], ("", "", "")),
    ],
)
def test_loaders_of_binaries(texts: list[str], loader: tuple[str, str, str]) -> None:
    found = loader_in(binary(*texts), "agent")
    assert (found.name, found.oldest, found.newest) == loader
    assert found.where == ("agent" if loader[0] else "")
    assert loader_in(b"#!" + binary(*texts)[2:], "x") == Loader()


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["/x/probe_bpfel.o"], "cilium"), (["probe_x86_bpfeb.o"], "cilium"), (["probe_bpfel_x86.o"], "cilium"),
        (["a/p_bpfel.o", "b/p_bpfel.o"], "cilium"), (["p_bpfel.o", "p.bpf.o"], ""), (["bpfel.o"], ""),
        (["p_bpfel.o/p.o"], ""), (["p_bpfel.os"], ""), ([], ""),
    ],
)  # fmt: skip
def test_files_that_bpf2go_names(paths: list[str], name: str) -> None:
    """The generator of cilium/ebpf ends its files' names so; an object under another name too is anybody's."""
    assert named_for(paths).name == name


def test_a_ring_buffer_with_sizes_by_the_name_of_its_file(tmp_path: Path) -> None:
    """cilium/ebpf leaves the sizes out, libbpf hands them to the kernel (R-7.10)."""
    ob = ObjectBuilder().map("events", type=27, key_size=4, value_size=4, max_entries=4096)
    ob.program("xdp", "p", [*ld_sym(1, "events"), *END])
    for name, loads in (("probe_bpfel.o", Tri.YES), ("probe.bpf.o", Tri.NO)):
        (tmp_path / name).write_bytes(ob.build())
        ((file,), _) = object_files([tmp_path / name])
        obj = read_object(file.data, file.name, None, file.loader)
        assert judge(obj, KernelBuilder().kernel()).programs[0].loads == loads, name


@pytest.mark.parametrize(("calls", "loads"), [(False, Tri.YES), (True, Tri.UNKNOWN)])
def test_symbols_of_other_objects_for_cilium(calls: bool, loads: Tri) -> None:
    """It loads the number that stands there, and refuses a call of what is not linked."""
    ob = named("xdp")
    ob.program("xdp", "q", [kfunc("fwd") if calls else ld_sym(1, "fwd"), *END])
    obj = read_object(ob.build(), "x", None, Loader("cilium"))
    found = {p.program.name: p.loads for p in judge(obj, KernelBuilder().kernel()).programs}
    assert found == {"p0": Tri.YES, "q": loads}


@pytest.mark.parametrize("text", [
    "\tgithub.com/cilium/ebpf\tv{0}.{0}", "/aya-{0}.1.1/src/", "\0libbpf.so.{0}\0", "\0LIBBPF_{0}.0.0\0",
])  # fmt: skip
def test_absurd_versions_tell_nothing(text: str) -> None:
    """Thousands of digits are no version, and no trouble either."""
    data = b"\x7fELF libbpf " + text.format("9" * 5000).encode()
    found = loader_in(data, "x")
    assert (found.oldest, found.newest) == ("", "")


def test_a_copy_of_libbpf_by_its_messages() -> None:
    """Each version has the messages of those before it, and no later one; the newest that is known has no end."""
    versions = sorted(MARKS)
    for version in versions:
        texts = [MARKS[v][0] for v in versions if v <= version]
        text = ".".join(map(str, version))
        found = loader_in(binary(*texts), "agent")
        assert (found.name, found.oldest) == ("libbpf", text)
        assert found.newest == (text if version != versions[-1] else "")


def test_a_package_tells_for_the_objects_beside_a_program(tmp_path: Path) -> None:
    """A library of the package tells more than the program that needs it; two kinds of loaders tell nothing."""
    obj = named("xdp").build()
    files = {"usr/lib/agent/x.bpf.o": obj, "usr/bin/agent": binary("libbpf.so.0", "LIBBPF_0.5.0")}
    library = {"usr/lib/agent/libbpf.so.0": binary(*(MARKS[v][0] for v in sorted(MARKS) if v <= (0, 7)))}
    go = {"usr/bin/other": binary("github.com/cilium/ebpf.NewMap")}
    for more, loader in (
        ({}, Loader("libbpf", "0.5", "0.8", "agent")),
        (library, Loader("libbpf", "0.7", "0.7", "libbpf.so.0")),
        (go, Loader()),
    ):
        path = tmp_path / f"agent{len(more)}{loader.name}.deb"
        path.write_bytes(deb({**files, **more}))
        for _ in range(2):  # read, then from the cache
            (file,), _problems = object_files([path])
            assert file.loader == loader


def test_an_object_in_a_program_has_its_loader(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    path.write_bytes(binary("libbpf.so.0", "LIBBPF_0.5.0") + named("xdp").build())
    (file,), _ = object_files([path])
    assert file.loader == Loader("libbpf", "0.5", "0.8", "agent")


def test_a_person_chooses() -> None:
    told = Loader("libbpf", "0.5", "0.5", "agent")
    one = ObjectFile("agent/x.bpf.o", b"", "0", (Place("agent 1.2-3", "usr/lib/x.bpf.o"),), (), told)
    for choices, loader in (
        ({}, told),
        ({"*": "cilium"}, Loader("cilium", chosen=True)),
        ({"agent": "libbpf"}, Loader("libbpf", "0.5", "0.5", "agent", True)),
        ({"usr/lib/*": "aya"}, Loader("aya", chosen=True)),
        ({"*": "cilium", "agent/*": "auto"}, Loader("cilium", chosen=True)),
        ({"other/*": "aya"}, told),
    ):
        assert with_choices([one], choices)[0].loader == loader
    assert together([Loader("libbpf"), Loader(), told]) == told


# -- too old


def kernel(kind: str, *, header: int = 24) -> Kernel:
    kb = KernelBuilder("7.3")
    kb.btf.struct("task_struct", [("pid", kb.s32)])
    make = {
        "FLOAT": lambda: kb.btf.float_("double", 8), "DECL_TAG": lambda: kb.btf.decl_tag("x", 1),
        "TYPE_TAG": lambda: kb.btf.type_tag("user", 1), "ENUM64": lambda: kb.btf.enum64("big", {"A": 1 << 40}),
        "": lambda: 0,
    }  # fmt: skip
    make[kind]()
    return kb.kernel()


def relocated(section: str = "socket") -> ObjectBuilder:
    """An object that makes its loader read the kernel's BTF."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task_struct", [("pid", ob.s32)])
    return ob.program(section, "prog", [mov(1, 0), core(ldx(4, 1, 1, 0), task, "0:0", 0), *END])


@pytest.mark.parametrize("name", sorted(loaders()))
@pytest.mark.parametrize("kind", ["FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64"])
def test_r_12_20_kinds_of_btf(name: str, kind: str) -> None:
    """The version that reads a kind, and the one before it."""
    since = loaders()[name].kinds[kind]
    before = (since[0], since[1] - 1) if since[1] else (since[0] - 1, 8)
    for version, refused in ((since, False), (before, True)):
        text = ".".join(map(str, version))
        loader = Loader(name, text, text, "agent")
        found = judge(read_object(relocated().build(), "x", None, loader), kernel(kind))
        assert [p.failure for p in found.problems] == [Failure.LOADER_TOO_OLD] * refused
        assert found.loads == found.programs[0].loads == (Tri.NO if refused else Tri.YES)
        if refused:
            (one,) = found.problems
            assert one.kind is NeedKind.LOADER and one.reach is Reach.OBJECT and one.rules == ("R-12.20",)
            assert f"stops at BTF_KIND_{kind}" in one.message and "in agent" in one.message
    assert judge(read_object(named("xdp").build(), "x", None, loader), kernel(kind)).loads == Tri.YES
    unknown = Loader(name, "0.1", "", "agent")
    assert judge(read_object(relocated().build(), "x", None, unknown), kernel(kind)).loads == Tri.YES


@pytest.mark.parametrize(("name", "declares", "stops"), [("libbpf", True, True), ("libbpf", False, False),
                                                         ("cilium", False, True)])  # fmt: skip
@pytest.mark.parametrize("kind", ["FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64"])
def test_r_12_20_kinds_of_the_objects_own_btf(name: str, declares: bool, stops: bool, kind: str) -> None:
    """Seen with builds of libbpf 0.2 to 1.7: without a map it goes on without the BTF that it cannot read."""
    since = loaders()[name].kinds[kind]
    before = (since[0], since[1] - 1) if since[1] else (since[0] - 1, 8)
    for version, refused in ((since, False), (before, stops)):
        ob = ObjectBuilder()
        make = {
            "FLOAT": lambda btf: btf.float_("double", 8), "DECL_TAG": lambda btf: btf.decl_tag("x", btf.fwd("y")),
            "TYPE_TAG": lambda btf: btf.type_tag("user", 1), "ENUM64": lambda btf: btf.enum64("big", {"A": 1 << 40}),
        }  # fmt: skip
        make[kind](ob.btf)
        if declares:
            ob.map("m", type=2, key=ob.u32, value=ob.u64, max_entries=1)
        text = ".".join(map(str, version))
        obj = read_object(ob.program("socket", "p", END).build(), "x", None, Loader(name, text, text, "agent"))
        found = judge(obj, KernelBuilder("7.3").kernel())
        assert [p.failure for p in found.problems] == [Failure.LOADER_TOO_OLD] * refused
        assert all(f"stops at BTF_KIND_{kind} in the BTF of the object itself" in p.message for p in found.problems)


def _optional() -> ObjectBuilder:
    return named("?socket", "xdp")


def _named_data() -> ObjectBuilder:
    ob = ObjectBuilder().variable(".data.mine", "v", bytes(8))
    return ob.program("socket", "p0", [*ld_sym(1, "v"), *END]).program("xdp", "p1", END)


def _named_rodata() -> ObjectBuilder:
    ob = ObjectBuilder().variable(".rodata.mine", "v", bytes(8))
    return ob.program("socket", "p0", [*ld_sym(1, "v"), *END]).program("xdp", "p1", END)


def _slots() -> ObjectBuilder:
    ob = ObjectBuilder()
    ob.prog_array("jumps", {0: "p1"}, max_entries=2)
    return ob.program("socket", "p0", [*ld_sym(2, "jumps"), *END]).program("socket", "p1", END)


def _calls(*, weak: bool = False) -> ObjectBuilder:
    ob = ObjectBuilder()
    ob.extern_func("bpf_foo", ob.btf.proto(0), weak=weak)
    return ob.program("xdp", "p0", [kfunc("bpf_foo"), *END]).program("socket", "p1", END)


def _weak() -> ObjectBuilder:
    return _calls(weak=True)


def _kconfig() -> ObjectBuilder:
    ob = ObjectBuilder().extern_var("CONFIG_HZ", section=".kconfig")
    return ob.program("socket", "p0", [*ld_sym(1, "CONFIG_HZ"), *END]).program("xdp", "p1", END)


def _ksyms() -> ObjectBuilder:
    ob = ObjectBuilder().extern_var("jiffies", weak=True)
    return ob.program("socket", "p0", [*ld_sym(1, "jiffies"), *END]).program("xdp", "p1", END)


def _table() -> ObjectBuilder:
    ob = ObjectBuilder().program("struct_ops/cb", "p0", END).program("xdp", "p1", END)
    table = ob.btf.struct("my_ops", [("cb", ob.btf.ptr(ob.btf.proto(ob.s32)))])
    return ob.struct_ops("table", table, 8, {0: "p0"})


@pytest.mark.parametrize(
    ("name", "make", "since", "before"),
    [
        ("libbpf", _optional, "0.8", "0.7"), ("libbpf", _named_data, "0.6", "0.5"), ("libbpf", _slots, "0.6", "0.5"),
        ("libbpf", _named_rodata, "0.6", "0.5"), ("cilium", _named_rodata, "0.4", "0.3"),
        ("libbpf", _calls, "0.4", "0.3"), ("cilium", _optional, "0.13", "0.12"), ("cilium", _slots, "0.7", "0.6"),
        ("cilium", _named_data, "0.17", "0.16"), ("cilium", _calls, "0.11", "0.10"), ("cilium", _weak, "0.14", "0.13"),
        ("cilium", _kconfig, "0.11", "0.10"), ("cilium", _ksyms, "0.17", "0.16"), ("cilium", _table, "0.22", "0.21"),
    ],
)  # fmt: skip
def test_r_12_20_forms_that_loaders_learned(
    name: str, make: Callable[[], ObjectBuilder], since: str, before: str
) -> None:
    """Seen with builds of libbpf of each minor version from 0.1 to 1.7, and of cilium/ebpf from 0.2 to 0.22."""
    kb = KernelBuilder("7.3")
    kb.hook("bpf_foo")  # without a tag, which is a kind of BTF that the oldest stop at
    kb.ops("my_ops", [("cb", kb.callback([]))])
    kernel = kb.kernel(config={"HZ": "250"}, symbols=["bpf_foo", "jiffies"])
    for version, refused in ((since, False), (before, True)):
        obj = read_object(make().build(), "x", None, Loader(name, version, version))
        found = judge(obj, kernel)
        told = {p.program.name: any("does not know" in x.message for x in p.problems) for p in found.programs}
        assert told == {"p0": refused, "p1": False}
        too_old = [p for p in found.programs[0].problems if "does not know" in p.message]
        assert [f"has since {since}" in p.message for p in too_old] == [True] * refused
        assert all(p.failure is Failure.LOADER_TOO_OLD for p in too_old)
        skipped = name == "cilium" and make is _optional
        assert [p.reach for p in found.problems if "does not know" in p.message] == [Reach.OBJECT] * (
            refused and not skipped
        )


def test_r_12_20_is_news_on_the_upgrade() -> None:
    """A loader that reads the old kernel's BTF and not the new one's breaks the object."""
    obj = read_object(relocated().build(), "x", None, Loader("libbpf", "0.8", "0.8", "libbpf.so.0"))
    found = compare(judge(obj, kernel("")), judge(obj, kernel("ENUM64")), "agent 1.2", "0" * 64)
    assert found.verdict is Verdict.BREAKS and found.programs[0].verdict is Verdict.BREAKS
    assert found.reason == (
        "the whole object no longer loads: libbpf 0.8 in libbpf.so.0 stops at BTF_KIND_ENUM64 in the BTF of this "
        "kernel; libbpf reads it since 1.0"
    )
    assert compare(judge(obj, kernel("")), judge(obj, kernel("")), "", "0" * 64).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("section", "version", "refused"),
    [
        ("fsession/f", "cilium 0.21", True), ("fsession/f", "cilium 0.22", False), ("kprobe", "cilium 0.12", True),
        ("kprobe", "cilium 0.13", False), ("lsm_cgroup/f", "cilium 0.12", True), ("tc", "cilium 0.7", True),
        ("tc", "cilium 0.8", False), ("netfilter", "cilium 0.12", True), ("netfilter", "cilium 0.13", False),
        ("kprobe.multi/f", "cilium 0.8", True), ("kprobe.multi/f", "cilium 0.9", False),
        ("tc/tail", "cilium 0.8", False),
        ("fsession/f", "1.6", True), ("fsession/f", "1.7", False), ("struct_ops.s/x", "1.1", True),
        ("kprobe.multi/f", "0.7", True), ("kprobe.multi/f", "0.8", False), ("kprobe", "0.7", True),
        ("kprobe", "0.8", False), ("kprobe/f", "0.4", False), ("xdp", "0.4", False), ("tcx/ingress", "1.2", True),
        ("tcx/ingress", "1.3", False), ("tc/tail", "0.4", False),
    ],
)  # fmt: skip
def test_r_12_20_sections(section: str, version: str, refused: bool) -> None:
    name, _, number = version.rpartition(" ")
    obj = read_object(named(section, "socket").build(), "x", None, Loader(name or "libbpf", number, number))
    found = judge(obj, KernelBuilder("7.3").kernel(symbols=["f"]))
    whole = refused and name != "cilium"  # which loads the other programs
    assert (Failure.LOADER_TOO_OLD in {p.failure for p in found.problems}) == whole
    assert not refused or found.loads == Tri.NO  # not all that it has
    hit = [
        p.program.section.name for p in found.programs if any(x.failure is Failure.LOADER_TOO_OLD for x in p.problems)
    ]
    assert hit == [section] * refused


def test_headers_and_layouts() -> None:
    """A header of 32 bytes stops the oldest; kinds that a layout section tells are read since 1.8."""
    facts = loaders()["libbpf"]
    plain, long, unknown = BtfWriter(), BtfWriter(header=32), BtfWriter(header=32, layout={25: (4, 0)})
    for one in (plain, long, unknown):
        one.int_("int", 4)
    unknown.raw(25, "odd", 0, [1])
    blobs = [open_kernel(KernelFiles("k", "x86_64", "7.3", w.build())).vmlinux for w in (plain, long, unknown)]
    assert all(blobs)
    told = [[(unread(facts, v, b) or ("",))[0] for b in blobs if b] for v in ((0, 1), (0, 2), (1, 7), (1, 8))]
    header, kinds = "a header of 32 bytes", "kinds of types that only its layout section tells"
    assert told == [["", header, kinds], ["", "", kinds], ["", "", kinds], ["", "", ""]]


def test_versions_are_versions() -> None:
    assert version_of("1.10") > version_of("1.9") > version_of("0.8")
    assert all(len(texts) >= 1 and all(t.startswith("libbpf: ") for t in texts) for texts in MARKS.values())


def test_loaders_of_a_policy(tmp_path: Path) -> None:
    from kfuncscope.decision import policy

    path = tmp_path / "policy.toml"
    path.write_text('[[loader]]\nloader = "cilium"\nobject = ["a*", "b"]\npackage = "agent"\n')
    assert policy.load(path).loaders == {"a*": "cilium", "b": "cilium", "agent": "cilium"}
    for bad, why in (
        ('[[loader]]\nloader = "odd"\nobject = "a"\n', "none of libbpf"),
        ('[[loader]]\nloader = "aya"\n', "needs an object"),
        ('[[loader]]\nobject = "a"\n', "non-empty"),
    ):
        path.write_text(bad)
        with pytest.raises(SessionError, match=why):
            policy.load(path)
