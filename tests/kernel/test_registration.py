# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Program types of kfunc sets from x86-64 code, and from the knowledge of a release (R-4.1)."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import InputError
from kfuncscope.kernel.binary.btfids import KfuncSet, sets_in_image
from kfuncscope.kernel.binary.image_facts import image_facts
from kfuncscope.kernel.binary.registration import completed, registered
from kfuncscope.kernel.binary.x86 import decode
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import told_by
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.storage import cache
from kfuncscope.storage.files import KernelFiles, ModuleSections
from support.btfwriter import BtfWriter
from support.imagewriter import BASE, EM_PPC64, REGISTER, REGISTER_FMODRET, Code, Image, longs, set8

TYPES = {"BPF_PROG_TYPE_UNSPEC": 0, "BPF_PROG_TYPE_KPROBE": 2, "BPF_PROG_TYPE_SCHED_CLS": 3, "BPF_PROG_TYPE_XDP": 6,
         "BPF_PROG_TYPE_TRACING": 26, "BPF_PROG_TYPE_LSM": 29, "__MAX_BPF_PROG_TYPE": 33}  # fmt: skip
SCHED_CLS, XDP, TRACING, LSM = 3, 6, 26, 29


class Built:
    """An image with kfunc sets a, b, c of two functions each, their ksets, and the code that a test writes."""

    def __init__(self, *, filters: bool = True, btf: bool = True) -> None:
        w = BtfWriter()
        long = w.int_("long", 8)
        proto = w.proto(0)
        fields = [("owner", long), ("set", long)] + ([("filter", long)] if filters else [])
        w.struct("btf_kfunc_id_set", fields)
        w.enum("bpf_prog_type", TYPES)
        self.funcs = [w.func(f"k{n}", proto=proto) for n in range(6)]
        for func in self.funcs:
            w.decl_tag("bpf_kfunc", func)
        self.blob: Blob = w.blob()
        self.image = Image()
        if btf:
            self.image.section(".BTF", w.build())
        rows = [set8(dict.fromkeys(self.funcs[n : n + 2], 1)) for n in (0, 2, 4)]
        start = self.image.section(".BTF_ids", b"".join(rows))
        at_sets = [start, start + len(rows[0]), start + len(rows[0] + rows[1])]
        ksets = self.image.section(".rodata", b"".join(longs(0, s, 0, 0) for s in at_sets[:2]))
        self.a, self.b = ksets, ksets + 32
        self.at_sets = at_sets
        self.last = at_sets[2]

    def kset(self, of: int, *, owner: int = 0, filter_: int = 0) -> int:
        """One more kset; its address."""
        return self.image.section(".rodata", longs(owner, of, filter_, 0))

    def types(self, code: Callable[[Code], object], *, named: bool = True) -> list[list[str] | None]:
        """What is found when this is the kernel's code; None where nothing is known."""
        c = Code(self.image.next_address())
        code(c)
        self.image.section(".init.text", c.data)
        return [None if s.prog_types is None else sorted(s.prog_types) for s in self.sets(named)]

    def sets(self, named: bool = True) -> list[KfuncSet]:
        image = self.image.build(named)
        return registered(image, self.blob, sets_in_image(image, self.blob, self.blob.tags("bpf_kfunc")))


def plain(c: Code, a: int, b: int) -> Code:
    """Two sets registered as compilers mostly write it; the last call is a jump."""
    c.entry().kset_second(a).type_first(XDP).call(REGISTER).raw("85c0").unless_zero(c.here() + 40)
    c.kset_second(a).type_first(0).call(REGISTER).raw("85c0 7500")
    return c.kset_second(b).type_first(TRACING).jump(REGISTER)


@pytest.mark.parametrize("named", [True, False])
def test_types_of_each_set(named: bool) -> None:
    """The third set has no kset, so it is registered nowhere. Symbols and section names are not needed."""
    built = Built()
    assert built.types(lambda c: plain(c, built.a, built.b), named=named) == [["UNSPEC", "XDP"], ["TRACING"], []]


def test_type_set_long_before_the_kset() -> None:
    """As in cubictcp_register: divisions and stores lie between."""
    built = Built()

    def code(c: Code) -> None:
        c.entry().raw("8b3500000000 b903000000").type_first(LSM).raw("8d04f500200000 99 f7f9 b900040000 29f1")
        c.kset_second(built.a).raw("99 f7f9 6b0d000000000a 31d2 890d00000000 48c1e028 48f7f1").call(REGISTER)
        c.raw("85c0 780c").ret()
        plain(c, built.b, built.b)

    assert built.types(code)[0] == ["LSM"]


def test_shared_tail() -> None:
    built = Built()

    def code(c: Code) -> None:
        c.entry().raw("85ff 7507").type_first(XDP).raw("eb05").type_first(LSM)
        c.kset_second(built.a).jump(REGISTER)
        plain(c, built.b, built.b)

    assert built.types(code)[0] == ["LSM", "XDP"]


def test_function_without_trace_call_or_padding() -> None:
    """Entry is told by the end of the function before: a jump to the return thunk, at no alignment (6.1)."""
    built = Built()

    def code(c: Code) -> None:
        plain(c, built.b, built.b).jump(BASE - 0x2000)
        c.call(BASE - 0x4000).type_first(LSM).raw("31c0 ffc0").kset_second(built.a).call(REGISTER).ret()

    assert built.types(code)[0] == ["LSM"]


def test_a_place_within_a_function_that_looks_like_its_entry() -> None:
    """At a multiple of 16, after a zero byte: but there the type is not known yet, so the true entry is looked for."""
    built = Built()

    def code(c: Code) -> None:
        plain(c, built.b, built.b).jump(BASE - 0x2000)
        while c.here() % 16:
            c.raw("cc")
        c.type_first(LSM)
        c.raw("90" * (11 - c.here() % 16) + "b800000000")
        assert c.here() % 16 == 0 and c.data[-1] == 0
        c.kset_second(built.a).call(REGISTER).ret()

    assert built.types(code)[0] == ["LSM"]


@pytest.mark.parametrize("counted", [False, True])
def test_loop_over_a_table(counted: bool) -> None:
    built = Built()
    table = built.image.section(".init.rodata", struct.pack("<4I", SCHED_CLS, XDP, LSM, 99))

    def code(c: Code) -> None:
        c.entry().raw("53")
        c.load_address("488d1d", table)  # rbx = table
        if counted:
            c.raw("31ed")  # ebp = 0
        start = c.here()
        c.raw("8b3cab" if counted else "8b3b").kset_second(built.a).call(REGISTER).raw("85c0")
        c.unless_zero(start + (46 if counted else 50))
        if counted:
            c.raw("ffc5 83fd03")
        else:
            c.raw("4883c304 4881fb" + struct.pack("<i", table + 12 - 2**64).hex())
        c.unless_zero(start).raw("5b").ret()
        plain(c, built.b, built.b)

    assert built.types(code)[0] == ["LSM", "SCHED_CLS", "XDP"]


def test_kset_kept_in_a_register() -> None:
    built = Built()

    def code(c: Code) -> None:
        c.entry().raw("53 48c7c3" + struct.pack("<I", built.a & 0xFFFFFFFF).hex())
        c.type_first(XDP).raw("4889de").call(REGISTER).type_first(LSM).raw("4889de").call(REGISTER).raw("5b").ret()
        plain(c, built.b, built.b)

    assert built.types(code)[0] == ["LSM", "XDP"]


def test_relative_address_of_the_kset() -> None:
    built = Built()

    def code(c: Code) -> None:
        c.entry().load_address("488d35", built.a).type_first(XDP).call(REGISTER).ret()
        plain(c, built.b, built.b)

    assert built.types(code)[0] == ["XDP"]


def test_fmodret_sets_are_not_callable() -> None:
    """R-7.11: register_btf_fmodret_id_set(&kset) opens a set for fmod_ret only."""
    built = Built()

    def code(c: Code) -> None:
        c.entry().kset_first(built.a).call(REGISTER_FMODRET)
        plain(c, built.b, built.b)

    assert built.types(code) == [[], ["TRACING", "UNSPEC", "XDP"], []]


def test_what_is_not_understood_stays_unknown() -> None:
    """A type that comes from elsewhere, a number that is no type, a kset that no code refers to."""
    built = Built()
    unused = built.kset(built.last)

    def code(c: Code) -> None:
        c.entry().kset_second(built.a).call(REGISTER).ret()
        plain(c, built.b, built.b)

    assert built.types(code) == [None, ["TRACING", "UNSPEC", "XDP"], None]
    assert unused
    built = Built()
    assert (
        built.types(lambda c: plain(c, built.a, built.b).entry().kset_second(built.a).type_first(77).jump(REGISTER))[0]
        is None
    )


def test_filters_and_owners() -> None:
    """A filter is told; before 6.4 there is none, whatever the next word is. A struct with an owner is no kset."""
    built = Built()
    filtered = built.kset(built.last, filter_=BASE)
    built.kset(built.at_sets[0], owner=1)

    def code(c: Code) -> None:
        plain(c, built.a, built.b)
        c.entry().kset_second(filtered).type_first(LSM).jump(REGISTER)

    assert built.types(code) == [["UNSPEC", "XDP"], ["TRACING"], ["LSM"]]
    assert [s.filter for s in built.sets()] == [False, False, True]
    old = Built(filters=False)
    junk = old.kset(old.last, filter_=BASE)
    assert old.types(lambda c: plain(c, junk, old.b))[2] == ["UNSPEC", "XDP"]
    assert not old.sets()[2].filter


def test_other_architectures_and_raw_images_are_left_alone() -> None:
    built = Built()
    sets = built.sets()
    assert [s.prog_types for s in sets] == [None, None, frozenset()]  # two ksets that no code refers to
    unknown = [KfuncSet(s.offset, s.flags, s.members) for s in sets]
    other = bytearray(built.image.build())
    other[18] = EM_PPC64
    for image in (bytes(other), b"MZ" + bytes(100), b"", b"\x7fELF\x02\x01"):
        assert registered(image, built.blob, unknown) == unknown


def survives(seed: int, flips: int) -> None:
    """Random bytes around references, and bits flipped anywhere: an answer or one InputError."""
    noise = random.Random(seed)
    built = Built()
    c = Code(built.image.next_address())
    for kset in (built.a, built.b, built.a):
        c.raw(noise.randbytes(40).hex()).kset_second(kset).raw(noise.randbytes(60).hex())
    plain(c, built.a, built.b)
    built.image.section(".init.text", c.data)
    image = bytearray(built.image.build())
    for _ in range(flips):
        image[noise.randrange(4, len(image))] ^= 1 << noise.randrange(8)
    damaged = bytes(image[: noise.choice((len(image), noise.randrange(len(image))))])
    try:
        sets = sets_in_image(damaged, built.blob, built.blob.tags("bpf_kfunc"))
        found = registered(damaged, built.blob, sets)
    except InputError:
        return
    assert [s.members for s in found] == [s.members for s in sets]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 400))
def test_any_code_and_any_damage_end(seed: int, flips: int) -> None:
    survives(seed, flips)


@pytest.mark.fuzz
@settings(max_examples=40_000, deadline=None)
@given(st.integers(0, 2**64), st.integers(0, 2000))
def test_any_code_and_any_damage_end_at_length(seed: int, flips: int) -> None:
    survives(seed, flips)


def test_code_full_of_references_ends() -> None:
    """Bounded time: two hundred thousand references, none of which leads to a call."""
    built = Built()
    c = plain(Code(built.image.next_address()), built.a, built.b)
    c.data += (b"\x48\xc7\xc6" + struct.pack("<I", built.last & 0xFFFFFFFF)) * 10
    many = b"\x90" * 9 + b"\x48\xc7\xc6" + struct.pack("<I", built.a & 0xFFFFFFFF)
    c.data += many * 200_000
    built.image.section(".init.text", c.data)
    start = time.process_time()
    assert built.sets()[0].prog_types is None
    assert time.process_time() - start < 30


INSTRUCTIONS = """
90 c3 f30f1efa e800000000 eb00 0f8400000000 48c7c600000000 bf1b000000 31ff 48b80000000000000000 65488b042528000000
6b0d000000000a 48c1e028 8d04f500200000 8b3cab 8b3c8500000000 f7f9 f7050000000000000000 f6c101 66c745000000 66b80000
660f1f440000 662e0f1f840000000000 f3a5 4881ec00010000 c8000000 0fba6d0005 0f38f0c0 660f3a0fc008 9b a10000000000000000
"""


@pytest.mark.parametrize("text", INSTRUCTIONS.split())
def test_lengths_of_instructions(text: str) -> None:
    code = bytes.fromhex(text)
    found = decode(code + b"\x90" * 8, 0)
    assert found is not None
    assert found.length == len(code)
    assert all(decode(code[:n], 0) is None for n in range(len(code)))


# -- knowledge, and the whole


def blob_of(names: list[str]) -> tuple[Blob, dict[int, int]]:
    w = BtfWriter()
    proto = w.proto(0)
    ids = [w.func(n, proto=proto) for n in names]
    for i in ids:
        w.decl_tag("bpf_kfunc", i)
    return w.blob(), dict.fromkeys(ids, 0)


def test_types_from_knowledge_by_members() -> None:
    """A set of another architecture lacks members that its configuration leaves out; half of them are enough."""
    known = for_release("7.3")
    names = [n for n, f in known.kfuncs.items() if "cpumask_kfunc_btf_ids" in f.sets]
    blob, members = blob_of(names[: len(names) * 3 // 4])
    (one,) = completed([KfuncSet(0, 1, members)], blob, known)
    assert (one.name, one.types_source) == ("cpumask_kfunc_btf_ids", "knowledge")
    assert one.prog_types == {"STRUCT_OPS", "SYSCALL", "TRACING"}
    (told,) = completed([KfuncSet(0, 1, members, "", frozenset({"XDP"}))], blob, known)
    assert (told.name, told.prog_types, told.types_source) == ("cpumask_kfunc_btf_ids", {"XDP"}, "binary")


def test_types_from_knowledge_by_the_config() -> None:
    """7.3 registers the kfuncs of file systems for struct_ops only with CONFIG_BINFMT_MISC_BPF."""
    known = for_release("7.3")
    blob, members = blob_of([n for n, f in known.kfuncs.items() if "bpf_fs_kfunc_set_ids" in f.sets])
    for config, types in (
        ({"CONFIG_BPF_LSM": "y"}, {"LSM"}),
        ({"CONFIG_BINFMT_MISC_BPF": "y"}, {"LSM", "STRUCT_OPS"}),
        (None, {"LSM", "STRUCT_OPS"}),
    ):
        (one,) = completed([KfuncSet(0, 1, members)], blob, known, config)
        assert (one.prog_types, one.types_source) == (types, "knowledge")


def test_unknown_sets_stay_unknown_and_fmodret_is_for_no_program() -> None:
    known = for_release("7.3")
    blob, members = blob_of(["something_new"])
    (one,) = completed([KfuncSet(0, 1, members)], blob, known)
    assert one.prog_types is None
    blob, members = blob_of(["bpf_fentry_test1", "bpf_modify_return_test", "bpf_modify_return_test2"])
    (one,) = completed([KfuncSet(0, 1, members)], blob, known)
    assert one.prog_types == frozenset()


def kernel_of(built: Built, image: Callable[[], bytes], sha256: str | None = None) -> Kernel:
    files = KernelFiles("test 7.3.0", release="7.3.0", btf=built.blob.data, image=image, image_sha256=sha256)
    return Kernel(files, arch="x86_64")


def test_the_registry_comes_from_the_binary() -> None:
    built = Built()
    c = plain(Code(built.image.next_address()), built.a, built.b)
    built.image.section(".init.text", c.data)
    kernel = kernel_of(built, built.image.build)
    registry = kernel.kfuncs
    assert registry is not None
    assert registry.source == "binary"
    k0, k5 = registry.kfuncs["k0"], registry.kfuncs["k5"]
    assert (k0.flags, k0.prog_types, k0.source, k0.types_source) == (1, {"UNSPEC", "XDP"}, "binary", "binary")
    assert k5.prog_types == frozenset()
    assert not registry.untagged
    assert not kernel.problems


def test_kfuncs_without_their_tag_are_told() -> None:
    """kernels.md: 7.0 registers two kfuncs that it forgot to tag; they are kfuncs all the same."""
    w = BtfWriter()
    tagged, bare = w.kfunc("tagged"), w.func("bare")
    image = Image(machine=EM_PPC64)
    image.section(".BTF", w.build())
    image.section(".BTF_ids", set8({tagged: 2, bare: 4}))
    files = KernelFiles("k", arch="ppc64le", release="7.0.13", btf=w.build(), image=image.build)
    registry = Kernel(files).kfuncs
    assert registry is not None
    assert registry.untagged == ["bare"]
    assert (registry.kfuncs["bare"].flags, registry.kfuncs["bare"].tagged) == (4, False)


@pytest.mark.parametrize(("release", "words"), [("6.12.118", "knowledge of 6.12.118"),
                                                ("6.12.110", "knowledge of 6.12.107, a neighbour")])  # fmt: skip
def test_a_fact_of_another_level_says_so(release: str, words: str) -> None:
    assert told_by("knowledge", for_release(release)) == words
    assert told_by("binary", for_release(release)) == "binary" and told_by("", for_release(release)) == "nothing"


@pytest.mark.parametrize(("release", "known"), [("6.12.118", True), ("6.16.1", False)])
def test_only_tables_of_the_release_itself_add_to_tags(release: str, known: bool) -> None:
    """A function without its tag is a kfunc where the kernel's own release registers it; of another release it may be
    a function of that name."""
    w = BtfWriter()
    w.kfunc("bpf_rcu_read_lock")
    w.func("bpf_rcu_read_unlock")
    tables = for_release(release)
    assert "bpf_rcu_read_unlock" in tables.kfuncs and (tables.borrowed_for is None) == known
    registry = Kernel(KernelFiles("k", arch="x86_64", release=release, btf=w.build())).kfuncs
    assert registry is not None
    assert set(registry.kfuncs) == {"bpf_rcu_read_lock"} | ({"bpf_rcu_read_unlock"} if known else set())
    assert registry.untagged == (["bpf_rcu_read_unlock"] if known else [])


def test_an_image_with_another_btf_is_refused_and_tags_serve() -> None:
    built = Built(btf=False)
    kernel = kernel_of(built, built.image.build)
    registry = kernel.kfuncs
    assert registry is not None
    assert registry.source == "tags"
    assert "its BTF differs" in kernel.problems[0].reason


def test_an_unreadable_image_is_a_problem_not_an_error() -> None:
    def broken() -> bytes:
        raise InputError("vmlinuz", "cut off", 5)

    kernel = kernel_of(Built(), broken)
    assert kernel.kfuncs is not None
    assert [(p.path, p.offset) for p in kernel.problems] == [("vmlinuz", 5)]


def test_sets_are_kept_between_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = Built()
    c = plain(Code(built.image.next_address()), built.a, built.b)
    built.image.section(".init.text", c.data)
    reads: list[int] = []

    def image() -> bytes:
        reads.append(1)
        return built.image.build()

    files = KernelFiles("k", btf=built.blob.data, image=image, image_sha256="ab" * 32)
    first = image_facts(files, built.blob, ())
    assert image_facts(files, built.blob, ()) == first
    assert len(reads) == 1
    assert first.kfuncs[0].prog_types == {"UNSPEC", "XDP"}
    key = cache.default_cache().entries()[0].key
    for damaged in (b"{}x", b"[[1]]", b"7"):
        cache.default_cache().put(key, damaged)
        assert image_facts(files, built.blob, ()) == first
    assert len(reads) == 4


def test_module_sets_reach_the_registry() -> None:
    built = Built()
    split = BtfWriter(base=built.blob)
    own = split.func("bpf_ct_release")
    split.decl_tag("bpf_kfunc", own)
    good = ModuleSections(split.build(), btf_ids=set8({own: 2}), set8=(("__BTF_ID__set8__nf_ct_kfunc_set", 0, 16),))
    bad = ModuleSections(split.build(), btf_ids=set8({own: 2}), set8=(("__BTF_ID__set8__x", 64, 16),))
    files = KernelFiles("k", release="7.3.0", btf=built.blob.data, modules={"nf": lambda: good, "bad": lambda: bad})
    kernel = Kernel(files, arch="arm64")
    registry = kernel.module_kfuncs("nf")
    assert registry is not None
    found = registry.kfuncs["bpf_ct_release"]
    assert (found.flags, found.source, found.sets, registry.source) == (2, "binary", ("nf_ct_kfunc_set",), "binary")
    assert found.proto == own
    damaged = kernel.module_kfuncs("bad")
    assert damaged is not None
    assert damaged.source == "tags"
    assert any("outside" in p.reason for p in kernel.problems)
