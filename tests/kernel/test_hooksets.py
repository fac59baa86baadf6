# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""LSM hooks by the kernel's own id sets (R-7.12): where BPF may sleep, and from which hooks it is shut out."""

from __future__ import annotations

import struct

import pytest

from kfuncscope.kernel.binary.hooksets import hook_sets
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.model.verdict import Tri
from kfuncscope.storage.files import KernelFiles
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.imagewriter import EM_PPC64, EM_S390, Image
from support.kernels import CONFIG, KernelBuilder, compared, only

RELEASE = "6.18"
TABLES = for_release("6.12").lsm_hooks, for_release("7.2").lsm_hooks


def agreed(closed: bool, sleepable: bool) -> list[str]:
    """Hooks of which both tables around the release say so."""
    facts = [{n for n, f in t.items() if (f.bpf_disabled, f.sleepable) == (closed, sleepable)} for t in TABLES]
    return sorted(facts[0] & facts[1])


CLOSED, SLEEPING, PLAIN = agreed(True, False)[:8], agreed(False, True)[:12], agreed(False, False)[:20]


def id_set(kb: KernelBuilder, ids: dict[str, int], names: list[str], missing: int = 0) -> bytes:
    """A BTF_SET; ``missing`` members are functions that the build did not find."""
    rows = [0] * missing + sorted(ids[name] for name in names)
    return struct.pack(f"{kb.endian}{1 + len(rows)}I", len(rows), *rows)


def kernel(closed: list[str], sleeping: list[str], arch: str = "x86_64", *, raw: bool = False) -> Kernel:
    """A kernel whose binary has the two sets, among others; ``raw`` without sections."""
    kb = KernelBuilder(RELEASE, arch)
    everything = CLOSED + SLEEPING + PLAIN
    ids = {name: kb.lsm(name) for name in everything}
    other = struct.pack(f"{kb.endian}3I", 7, *list(ids.values())[:2])  # a BTF_ID_LIST
    data = other.join(
        [
            b"",
            id_set(kb, ids, everything),
            id_set(kb, ids, closed, 2),
            id_set(kb, ids, sleeping),
            id_set(kb, ids, PLAIN),
        ]
    )
    btf = kb.build()
    image = Image(kb.endian, EM_S390 if arch == "s390x" else EM_PPC64)
    image.section(".BTF", btf)
    image.section(".BTF_ids", data + bytes(64))
    whole = bytes(64) + btf + bytes(-len(btf) % 4 + 3000) + data + bytes(3000) if raw else image.build()
    config = "".join(f"CONFIG_{k}={v}\n" for k, v in CONFIG.items()).encode()
    return open_kernel(KernelFiles("test", arch, RELEASE, btf, config, image=lambda: whole))


def loads(section: str, k: Kernel) -> Tri:
    return only(ObjectBuilder(k.endian).program(section, "prog", [mov(0, 0), exit_()]), k).loads


@pytest.mark.parametrize(("arch", "raw"), [("x86_64", False), ("x86_64", True), ("s390x", False)])
def test_the_sets_of_the_binary_decide(arch: str, raw: bool) -> None:
    """Stable releases open hooks and close them; no table of another release knows."""
    opened, shut = CLOSED[0], PLAIN[0]
    sleeps, wakes = PLAIN[1], SLEEPING[0]
    k = kernel([*CLOSED[1:], shut], [*SLEEPING[1:], sleeps], arch, raw=raw)
    assert loads(f"lsm/{opened}", k) == Tri.YES and loads(f"lsm_cgroup/{opened}", k) == Tri.YES
    assert loads(f"lsm/{shut}", k) == Tri.NO
    assert loads(f"lsm.s/{sleeps}", k) == Tri.YES
    assert loads(f"lsm.s/{wakes}", k) == Tri.NO and loads(f"lsm/{wakes}", k) == Tri.YES


def test_both_images_stand_beside_each_other() -> None:
    """A hook that one image closes, and one in which only one lets programs sleep: each fact names the image."""
    shut, wakes = PLAIN[0], SLEEPING[0]
    old, new = kernel(CLOSED, SLEEPING), kernel([*CLOSED, shut], [*SLEEPING[1:], PLAIN[1]])
    for section, label in ((f"lsm/{shut}", "open to BPF programs"), (f"lsm.s/{wakes}", "open to sleepable programs")):
        ob = ObjectBuilder().program(section, "prog", [mov(0, 0), exit_()])
        (finding,) = compared(ob, old, new).programs[0].findings
        assert finding.evidence.facts == ((label, "yes, according to the image", "no, according to the image"),)


def test_of_two_sets_equally_like_the_table_the_first_counts() -> None:
    """The answer does not depend on what the linker put later."""
    first, second = PLAIN[1], PLAIN[2]
    k = kernel([*SLEEPING[1:], first], [*SLEEPING[1:], second])
    assert loads(f"lsm.s/{first}", k) == Tri.YES
    assert loads(f"lsm.s/{second}", k) == Tri.NO


def test_sets_that_are_like_no_table_are_others() -> None:
    """Half of a set and the tables' must agree, else the tables are believed."""
    k = kernel(PLAIN[:6], PLAIN[6:12])
    assert loads(f"lsm/{PLAIN[0]}", k) == Tri.YES and loads(f"lsm/{CLOSED[0]}", k) == Tri.NO
    assert loads(f"lsm.s/{PLAIN[7]}", k) == Tri.NO and loads(f"lsm.s/{SLEEPING[0]}", k) == Tri.YES


@pytest.mark.parametrize(
    "words",
    [
        (4, 3, 2, 4, 5),  # descending
        (5, 2, 3, 4, 5),  # one too few
        (4, 2, 3, 4, 1),  # no hook
        (3, 2, 3, 4),  # too small to be told from an accident
        (6, 0, 0, 0, 0, 0, 0, 2),  # all members missing, and something else behind it
        (0xFFFFFFFF, 2, 3, 4, 5),
        (),
    ],
)
def test_what_is_no_set(words: tuple[int, ...]) -> None:
    kb = KernelBuilder(RELEASE, enums=False)
    first = kb.lsm("hook2")
    for number in range(3, 6):
        kb.lsm(f"hook{number}")
    image = Image()
    rows = [word + first - 2 if 1 < word < 6 and at else word for at, word in enumerate(words)]
    image.section(".BTF_ids", struct.pack(f"<{len(rows) + 1}I", *rows, 0))
    assert hook_sets(image.build(), kb.btf.blob()) == []
