# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kfunc sets from sections, from raw images and from modules (R-1.15 to R-1.17)."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import InputError, KernelError
from kfuncscope.kernel.binary.btfids import KfuncSet, kfunc_sets, sets_in_image, sets_in_module
from kfuncscope.storage.files import ModuleSections
from support.btfwriter import BtfWriter
from support.elfwriter import ElfWriter
from support.imagewriter import EM_PPC64, EM_S390, Image, set8

PLAIN = 600  # functions that are no kfuncs come first, so that ids are large, as in kernels


def writer(endian: str = "<", *, tagged: int = 8) -> BtfWriter:
    """BTF with ordinary functions plain0.., then kfuncs k0..k11, of which the first ``tagged`` have the tag."""
    w = BtfWriter(endian)
    proto = w.proto(0)
    for number in range(PLAIN):
        w.func(f"plain{number}", proto=proto)
    for number in range(12):
        w.func(f"k{number}", proto=proto)
    for number in range(tagged):
        w.decl_tag("bpf_kfunc", 2 + PLAIN + number)
    return w


def ids(*numbers: int) -> list[int]:
    """Ids of the kfuncs of these numbers."""
    return [2 + PLAIN + n for n in numbers]


def members(*numbers: int, flags: int = 0x11) -> dict[int, int]:
    return dict.fromkeys(ids(*numbers), flags)


def id_list(endian: str = "<") -> bytes:
    """A BTF_ID_LIST and a BTF_SET, which lie among the sets in .BTF_ids."""
    return struct.pack(f"{endian}6I", 7, 0, 40, 2, *ids(0, 1))


@pytest.mark.parametrize(("endian", "machine"), [("<", EM_PPC64), (">", EM_S390)])
def test_sets_of_the_section(endian: str, machine: int) -> None:
    blob = writer(endian).blob()
    first, second = set8(members(0, 3), 1, endian), set8(members(1, flags=0x40), 0, endian)
    image = Image(endian, machine)
    image.section(".BTF_ids", id_list(endian) + first + id_list(endian) + second)
    found = sets_in_image(image.build(), blob)
    assert found == [KfuncSet(24, 1, members(0, 3)), KfuncSet(24 + len(first) + 24, 0, members(1, flags=0x40))]


@pytest.mark.parametrize("endian", ["<", ">"])
def test_sets_of_a_raw_image(endian: str) -> None:
    """R-1.16: a tag proves a set, and its neighbours are sets, too, even where the build left out tags (7.0)."""
    w = writer(endian)
    blob = w.blob()
    parts = [
        set8(members(0, 1, 2), 1, endian),
        set8(members(9), 1, endian),  # untagged, alone, but in the neighbourhood
        set8(members(3, 10), 1, endian),  # one of two has the tag
        set8(members(11, flags=0), 0, endian),  # as sets for fmod_ret are
    ]
    far = set8(members(8), 1, endian)  # untagged and far away: an accident
    image = bytes(4096) + far + bytes(100_000) + b"".join(p + id_list(endian) for p in parts) + bytes(50_000)
    found = sets_in_image(image, blob, blob.tags("bpf_kfunc"))
    assert [list(s.members) for s in found] == [ids(0, 1, 2), ids(9), ids(3, 10), ids(11)]
    assert found[0].offset == 4096 + len(far) + 100_000
    assert [s.flags for s in found] == [1, 1, 1, 0]
    # the set alone names no program types and no filter: registrations do
    assert [(s.prog_types, s.filter, s.types_source) for s in found] == [(None, False, "binary")] * 4


def test_a_tagged_set_counts_wherever_it_lies() -> None:
    blob = writer().blob()
    image = set8(members(0)) + bytes(200_000) + set8(members(1, 2)) + set8(members(3))
    assert len(sets_in_image(image, blob, blob.tags("bpf_kfunc"))) == 3


def test_raw_image_without_tags() -> None:
    """R-1.16b: before 6.9 nothing but shape and place tells; the crowd wins over accidents elsewhere."""
    blob = writer(tagged=0).blob()
    crowd = [set8(members(*rows), 0) for rows in ((0, 1), (2,), (3, 4, 5, 6))]
    image = set8(members(7, 8), 0) + bytes(100_000) + id_list().join(crowd) + bytes(60_000) + set8(members(9), 0)
    found = sets_in_image(image, blob)
    assert [list(s.members) for s in found] == [ids(0, 1), ids(2), ids(3, 4, 5, 6)]


def test_sets_of_one_member_are_no_crowd() -> None:
    """Without tags a set of one member may be an accident: many of them weigh nothing, two sets of two do."""
    blob = writer(tagged=0).blob()
    accidents = id_list().join(set8(members(n), 0) for n in range(6))
    crowd = id_list().join([set8(members(6, 7), 0), set8(members(8, 9), 0), set8(members(10), 0)])
    found = sets_in_image(accidents + bytes(100_000) + crowd, blob)
    assert [list(s.members) for s in found] == [ids(6, 7), ids(8, 9), ids(10)]


def test_elf_without_a_section_table_is_scanned() -> None:
    blob = writer().blob()
    image = Image()
    image.section(".BTF_ids", set8(members(0, 1)))
    found = sets_in_image(image.build(named=False), blob, blob.tags("bpf_kfunc"))
    assert [list(s.members) for s in found] == [ids(0, 1)]


@pytest.mark.parametrize(
    "words",
    [
        (2, 1, *ids(1), 0, *ids(0), 0),  # descending
        (2, 1, *ids(0), 0, *ids(0), 0),  # twice the same
        (2, 2, *ids(0), 0, *ids(1), 0),  # unknown flag word
        (2, 1, *ids(0), 0, 1, 0),  # id 1 is a prototype
        (2, 1, *ids(0), 1 << 20, *ids(1), 0),  # no such KF flag
        (2, 1, *ids(0), 0, *ids(1), 1 << 31),
        (0, 1, *ids(0), 0),  # nothing in it
        (601, 1, *ids(0), 0),
        (2, 1, *ids(0), 0, 0xFFFFFFFF, 0),
    ],
)
def test_what_is_no_set(words: tuple[int, ...]) -> None:
    blob = writer().blob()
    image = Image()
    image.section(".BTF_ids", struct.pack(f"<{len(words)}I", *words))
    assert sets_in_image(image.build(), blob, blob.tags("bpf_kfunc")) == []


def test_cut_off_and_tiny_images() -> None:
    blob = writer().blob()
    whole = set8(members(0, 1, 2))
    for size in range(len(whole)):
        assert sets_in_image(whole[:size], blob, blob.tags("bpf_kfunc")) == []
    with pytest.raises(InputError):
        sets_in_image(b"\x7fELF" + bytes(3), blob)


def test_an_image_full_of_would_be_sets_is_refused() -> None:
    """Bounded time: every sixth word of this begins something of a set's shape."""
    blob = writer().blob()
    image = struct.pack("<4I", 1, 0, *ids(0), 0) * 70_000
    with pytest.raises(KernelError, match="look like kfunc sets"):
        sets_in_image(image, blob)


def test_the_longer_of_two_that_overlap_is_the_set() -> None:
    """The words 1, 0 and a set of two look like a set of one whose member is id 2, a plain function."""
    blob = writer().blob()
    found = sets_in_image(struct.pack("<2I", 1, 0) + set8(members(1, 2)), blob, blob.tags("bpf_kfunc"))
    assert [(s.offset, list(s.members)) for s in found] == [(8, ids(1, 2))]


def test_flagged_sets_are_those_of_kfuncs() -> None:
    """R-1.15: where any set has the flag, one without it holds no kfuncs; where none has it, all may (6.1)."""
    flagged, plain = KfuncSet(0, 1, {5: 0}), KfuncSet(20, 0, {6: 0})
    assert kfunc_sets([flagged, plain]) == [flagged]
    assert kfunc_sets([plain]) == [plain]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from("<>"), st.sets(st.integers(0, 7), min_size=1), st.integers(0, 2**20 - 1))
def test_a_set_is_found_among_noise(seed: int, endian: str, rows: set[int], flags: int) -> None:
    blob = BLOBS[endian]
    noise = random.Random(seed).randbytes
    one = set8(members(*rows, flags=flags), 1, endian)
    image = noise(4000) + one + noise(4000)
    found = sets_in_image(image, blob, blob.tags("bpf_kfunc"))
    assert KfuncSet(4000, 1, members(*rows, flags=flags)) in found


BLOBS: dict[str, Blob] = {endian: writer(endian).blob() for endian in "<>"}


# -- modules


def module(*funcs: str) -> tuple[BtfWriter, Blob]:
    """Split BTF with prototypes and functions in turn, the first prototype first."""
    base = writer()
    split = BtfWriter(base=base)
    for name in funcs:
        split.func(name)
    return split, split.blob("module")


def test_sets_of_a_module_by_symbol() -> None:
    split, blob = module("m0", "m1")
    start = split.start_id + 1
    one, two = set8({start: 0x25, start + 2: 2}), set8(members(0))  # ids count over kernel and module
    sections = ModuleSections(
        split.build(), btf_ids=id_list() + one + two,
        set8=(("__BTF_ID__set8__late", 24 + len(one), len(two)), ("__BTF_ID__set8__m_set", 24, len(one))),
    )  # fmt: skip
    assert sets_in_module(sections, blob) == [
        KfuncSet(24, 1, {start: 0x25, start + 2: 2}, "m_set"),
        KfuncSet(24 + len(one), 1, members(0), "late"),
    ]


def test_stripped_module_and_module_without_sets() -> None:
    split, blob = module("m0")
    sections = ModuleSections(split.build(), btf_ids=id_list() + set8({split.start_id + 1: 5}))
    assert sets_in_module(sections, blob) == [KfuncSet(24, 1, {split.start_id + 1: 5})]
    assert sets_in_module(ModuleSections(split.build()), blob) == []


def test_ids_on_a_distilled_base_move_with_the_module() -> None:
    split, blob = module("m0", "m1")
    distilled = BtfWriter()
    distilled.int_("int", 4)
    own = distilled.next_id + 1
    sections = ModuleSections(split.build(), distilled.build(), set8({own: 1, own + 2: 2}))
    assert [s.members for s in sets_in_module(sections, blob)] == [{split.start_id + 1: 1, split.start_id + 3: 2}]


def test_functions_that_the_build_did_not_find_are_left_out() -> None:
    split, blob = module("m0")
    data = struct.pack("<6I", 2, 1, 0, 3, split.start_id + 1, 4)
    found = sets_in_module(ModuleSections(split.build(), btf_ids=data, set8=(("__BTF_ID__set8__s", 0, 24),)), blob)
    assert found == [KfuncSet(0, 1, {split.start_id + 1: 4}, "s")]


@pytest.mark.parametrize(
    ("offset", "words", "reason"),
    [
        (100, (1, 1, 5, 0), "outside"),
        (2, (1, 1, 5, 0), "outside"),
        (12, (1, 1, 5, 0), "outside"),
        (0, (9, 1, 5, 0), "past the end"),
        (0, (0xFFFFFFFF, 1, 5, 0), "past the end"),
        (0, (1, 1, 1, 0), "not a function"),
        (0, (1, 1, 0xFFFFFFF0, 0), "not a function"),
    ],
)
def test_damaged_module_sets(offset: int, words: tuple[int, ...], reason: str) -> None:
    split, blob = module("m0")
    sections = ModuleSections(
        split.build(), btf_ids=struct.pack("<4I", *words), set8=(("__BTF_ID__set8__s", offset, 16),)
    )
    with pytest.raises(KernelError, match=reason):
        sets_in_module(sections, blob)


def test_symbols_of_an_unstripped_image_name_the_sets() -> None:
    blob = writer().blob()
    elf = ElfWriter(machine=EM_PPC64)
    section = elf.section(".BTF_ids", id_list() + set8(members(4, 5)))
    elf.symbol("__BTF_ID__set8__some_ids", section, 24, 24)
    assert sets_in_image(elf.build(), blob) == [KfuncSet(24, 1, members(4, 5), "some_ids")]
