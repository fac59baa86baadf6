# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Architectures, one row each: what others call them, how their files look, and what BPF programs meet on them.

Everything that differs by architecture and is not code stands here, and every room asks here. What a JIT can do
changes with each release and is in the knowledge tables (``arch.json``), under the word ``tables``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

MOST_ARGS = 12
"""Argument slots that no hook exceeds (the kernel's MAX_BPF_FUNC_ARGS)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # rows are told apart by identity, which hashes quickly
class Arch:
    """One architecture; ``name`` is the kernel community's word for it.

    Words: ``deb``, ``rpm`` (package managers), ``uname`` (``uname -m``; MIPS has one word for both byte orders),
    ``flavours`` (what distributions put behind a release), ``also`` (other words that people type), ``kconfig`` (ARCH
    in the head of a config), ``folder`` (in arch/ of the source), ``tables`` (in the knowledge tables; the name where
    empty). ``options`` are config options that must be set for it, ``!X`` must not.

    Files: ``bits`` and ``big`` (endian), ``machine`` (e_machine of ELF).

    Programs: ``pt_regs_member`` is only in this architecture's struct pt_regs (``pt_regs_size`` in bytes where that
    tells two apart), ``argument_offsets`` the places in it of a function's argument registers in order (R-7.9),
    ``syscall_prefix`` what stands before ``sys_`` in the names of system calls, ``compat_syscall_prefix`` the same of
    the 32-bit calls that error injection reaches too (R-11.7), ``bpf_syscall`` the number of bpf(2).
    ``trampoline_args`` are argument slots that a BPF trampoline passes on, each from a release on (R-7.10).
    ``entry_kprobes_by_ftrace``: ftrace takes a function's first instruction, and no kprobe lies there without
    KPROBES_ON_FTRACE (R-7.9). ``inferred``: it is judged from another architecture's kernels where it has none of its
    own.

    For the table builder: ``syscall_table`` and the words of its ABI column for native programs; ``generic_syscalls``
    where it shares the common table.
    """

    name: str
    bits: int = 64
    big: bool = False
    folder: str = ""
    tables: str = ""
    deb: tuple[str, ...] = ()
    rpm: tuple[str, ...] = ()
    uname: tuple[str, ...] = ()
    flavours: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    kconfig: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    machine: tuple[int, ...] = ()
    pt_regs_member: str = ""
    pt_regs_size: int = 0
    argument_offsets: tuple[int, ...] = ()
    syscall_prefix: str = ""
    compat_syscall_prefix: str = ""
    bpf_syscall: int = 280  # of all that came after asm-generic/unistd.h
    trampoline_args: tuple[tuple[tuple[int, ...], int], ...] = ()
    entry_kprobes_by_ftrace: bool = False
    inferred: bool = False
    syscall_table: str = ""
    syscall_abis: tuple[str, ...] = ()
    generic_syscalls: bool = False

    @property
    def endian(self) -> str:
        """``<`` or ``>``, as BTF and struct have it."""
        return ">" if self.big else "<"

    @property
    def in_tables(self) -> str:
        """The word of the knowledge tables."""
        return self.tables or self.name

    @property
    def words(self) -> frozenset[str]:
        """Every word that names this architecture and no other."""
        return frozenset({self.name, *self.deb, *self.rpm, *self.uname, *self.flavours, *self.also})

    def most_trampoline_args(self, version: tuple[int, ...]) -> int:
        """Argument slots that a trampoline passes on in a release, MOST_ARGS where no limit is known (R-7.10)."""
        passed = [count for since, count in self.trampoline_args if since <= version]
        return passed[-1] if passed and any(version) else MOST_ARGS


_X86, _MIPS, _SPARC = ("x86", "x86_64", "i386"), ("mips",), ("sparc", "sparc32", "sparc64")
_MIPS_REGS, _POWERPC = "cp0_epc", "arch/powerpc/kernel/syscalls/syscall.tbl"

# Numbers of machines: include/uapi/linux/elf-em.h. Registers: arch/*/include/{uapi/,}asm/ptrace.h and libbpf's
# bpf_tracing.h. Trampolines: arch_prepare_bpf_trampoline in arch/*/net (loongarch64 was limited up to 6.19.6 and is not
# in 7.1.3; powerpc never was). Every list of architectures has the order of the rows.
ARCHES: tuple[Arch, ...] = (
    Arch(
        name="x86_64", folder="x86", deb=("amd64",), rpm=("x86_64",), uname=("x86_64",), also=("x86-64", "x64"),
        kconfig=_X86, options=("X86_64",), machine=(62,), pt_regs_member="orig_ax", pt_regs_size=168,
        argument_offsets=(112, 104, 96, 88, 72, 64), syscall_prefix="__x64_", compat_syscall_prefix="__ia32_",
        trampoline_args=(((0,), 6), ((6, 6), MOST_ARGS)), inferred=True,
        syscall_table="arch/x86/entry/syscalls/syscall_64.tbl", syscall_abis=("common", "64"), bpf_syscall=321,
    ),
    Arch(
        name="arm64", folder="arm64", deb=("arm64",), rpm=("aarch64",), uname=("aarch64",), kconfig=("arm64",),
        machine=(183,), pt_regs_member="pstate", argument_offsets=tuple(range(0, 64, 8)), syscall_prefix="__arm64_",
        trampoline_args=(((0,), 8), ((6, 16), MOST_ARGS)), inferred=True, generic_syscalls=True,
    ),
    Arch(
        name="ppc64le", folder="powerpc", tables="ppc64", deb=("ppc64el",), rpm=("ppc64le",), uname=("ppc64le",),
        flavours=("powerpc64le",), kconfig=("powerpc",), options=("PPC64", "CPU_LITTLE_ENDIAN"), machine=(21,),
        pt_regs_member="nip", argument_offsets=tuple(range(24, 88, 8)), inferred=True,
        syscall_table=_POWERPC, syscall_abis=("common", "nospu", "64"), bpf_syscall=361,
    ),
    Arch(
        name="riscv64", folder="riscv", deb=("riscv64",), rpm=("riscv64",), uname=("riscv64",), also=("riscv",),
        kconfig=("riscv",), options=("64BIT",), machine=(243,), pt_regs_member="epc",
        argument_offsets=tuple(range(80, 144, 8)), syscall_prefix="__riscv_",
        trampoline_args=(((0,), 8), ((6, 11), MOST_ARGS)), entry_kprobes_by_ftrace=True, inferred=True,
        generic_syscalls=True,
    ),
    Arch(
        name="s390x", big=True, folder="s390", deb=("s390x",), rpm=("s390x",), uname=("s390x",), also=("s390",),
        kconfig=("s390",), machine=(22,), pt_regs_member="psw", argument_offsets=tuple(range(40, 80, 8)),
        syscall_prefix="__s390x_", inferred=True,
        syscall_table="arch/s390/kernel/syscalls/syscall.tbl", syscall_abis=("common", "64"), bpf_syscall=351,
    ),
    Arch(
        name="loongarch64", folder="loongarch", deb=("loong64",), rpm=("loongarch64",), uname=("loongarch64",),
        kconfig=("loongarch",), options=("64BIT",), machine=(258,), pt_regs_member="csr_era",
        argument_offsets=tuple(range(32, 96, 8)), trampoline_args=(((0,), 8), ((7, 0), MOST_ARGS)), inferred=True,
        generic_syscalls=True,
    ),
    Arch(
        name="arm", bits=32, folder="arm", deb=("armhf", "armel"), rpm=("armv7hl", "armv7hnl", "armv6hl", "armv5tel"),
        uname=("armv7l", "armv8l", "armv6l", "armv5tel", "armv5tejl"), flavours=("armmp", "marvell"),
        kconfig=("arm",), machine=(40,), pt_regs_member="uregs", inferred=True,
        syscall_table="arch/arm/tools/syscall.tbl", syscall_abis=("common", "eabi"), bpf_syscall=386,
    ),
    Arch(
        name="i386", bits=32, folder="x86", deb=("i386",), rpm=("i386", "i486", "i586", "i686"),
        uname=("i386", "i486", "i586", "i686"), flavours=("686",), kconfig=_X86, options=("!X86_64",), machine=(3,),
        pt_regs_member="orig_ax", syscall_prefix="__ia32_", inferred=True,
        syscall_table="arch/x86/entry/syscalls/syscall_32.tbl", syscall_abis=("i386",), bpf_syscall=357,
    ),
    Arch(
        name="ppc64", big=True, folder="powerpc", deb=("ppc64",), rpm=("ppc64", "ppc64p7"), uname=("ppc64",),
        flavours=("powerpc64",), kconfig=("powerpc",), options=("PPC64", "!CPU_LITTLE_ENDIAN"), machine=(21,),
        pt_regs_member="nip", argument_offsets=tuple(range(24, 88, 8)),
        syscall_table=_POWERPC, syscall_abis=("common", "nospu", "64"), bpf_syscall=361,
    ),
    Arch(
        name="ppc", bits=32, big=True, folder="powerpc", tables="ppc32", deb=("powerpc",), rpm=("ppc",), uname=("ppc",),
        also=("ppc32",), kconfig=("powerpc",), options=("!PPC64",), machine=(20,), pt_regs_member="nip",
        syscall_table=_POWERPC, syscall_abis=("common", "nospu", "32"), bpf_syscall=361,
    ),
    Arch(
        name="riscv32", bits=32, folder="riscv", rpm=("riscv32",), uname=("riscv32",), kconfig=("riscv",),
        options=("!64BIT",), machine=(243,), pt_regs_member="epc", syscall_prefix="__riscv_",
        entry_kprobes_by_ftrace=True,
    ),
    Arch(
        name="loongarch32", bits=32, folder="loongarch", uname=("loongarch32",), kconfig=("loongarch",),
        options=("!64BIT",), machine=(258,), pt_regs_member="csr_era",
    ),
    Arch(
        name="mips64el", folder="mips", tables="mips64", deb=("mips64el",), rpm=("mips64el",),
        flavours=("mips64r2el", "mips64r6el", "loongson"), also=("mips64le",), kconfig=_MIPS,
        options=("64BIT", "CPU_LITTLE_ENDIAN"), machine=(8,), pt_regs_member=_MIPS_REGS,
        syscall_table="arch/mips/kernel/syscalls/syscall_n64.tbl", syscall_abis=("n64",), bpf_syscall=5315,
    ),
    Arch(
        name="mips64", big=True, folder="mips", deb=("mips64",), rpm=("mips64",), uname=("mips64",), kconfig=_MIPS,
        options=("64BIT", "!CPU_LITTLE_ENDIAN"), machine=(8,), pt_regs_member=_MIPS_REGS,
        syscall_table="arch/mips/kernel/syscalls/syscall_n64.tbl", syscall_abis=("n64",), bpf_syscall=5315,
    ),
    Arch(
        name="mipsel", bits=32, folder="mips", tables="mips32", deb=("mipsel",), rpm=("mipsel",),
        flavours=("mips32r2el",), also=("mips32el",), kconfig=_MIPS, options=("!64BIT", "CPU_LITTLE_ENDIAN"),
        machine=(8,), pt_regs_member=_MIPS_REGS, bpf_syscall=4355,
    ),
    Arch(
        name="mips", bits=32, big=True, folder="mips", tables="mips32", deb=("mips",), rpm=("mips",), uname=("mips",),
        also=("mips32",), kconfig=_MIPS, options=("!64BIT", "!CPU_LITTLE_ENDIAN"), machine=(8,),
        pt_regs_member=_MIPS_REGS, bpf_syscall=4355,
    ),
    Arch(
        name="sparc64", big=True, folder="sparc", deb=("sparc64",), rpm=("sparc64",), uname=("sparc64",),
        kconfig=_SPARC, options=("64BIT",), machine=(43,), pt_regs_member="tstate",
        syscall_table="arch/sparc/kernel/syscalls/syscall.tbl", syscall_abis=("common", "64"), bpf_syscall=349,
    ),
    Arch(
        name="sparc32", bits=32, big=True, folder="sparc", deb=("sparc",), rpm=("sparc",), uname=("sparc",),
        kconfig=_SPARC, options=("!64BIT",), machine=(2, 18), pt_regs_member="npc", bpf_syscall=349,
    ),
    Arch(
        name="parisc64", big=True, folder="parisc", uname=("parisc64",), flavours=("parisc64",),
        kconfig=("parisc", "parisc64"), options=("64BIT",), machine=(15,), pt_regs_member="iaoq",
        syscall_table="arch/parisc/kernel/syscalls/syscall.tbl", syscall_abis=("common", "64"), bpf_syscall=341,
    ),
    Arch(
        name="parisc32", bits=32, big=True, folder="parisc", deb=("hppa",), uname=("parisc",),
        flavours=("parisc",), kconfig=("parisc", "parisc64"), options=("!64BIT",), machine=(15,), pt_regs_member="iaoq",
        bpf_syscall=341,
    ),
    Arch(
        name="arc", bits=32, folder="arc", deb=("arc",), uname=("arc",), kconfig=("arc",), machine=(93, 195),
        pt_regs_member="status32",
    ),
)  # fmt: skip


def arch_record(name: str) -> Arch:
    """The row of an architecture by its name; a row that says nothing where there is none."""
    return _by_name(ARCHES).get(name) or Arch(name=name)


@cache
def _by_name(rows: tuple[Arch, ...]) -> dict[str, Arch]:
    return {row.name: row for row in rows}


def arch_order(name: str) -> tuple[int, str]:
    """What sorts architectures as every list has them: those of the table first, others by name."""
    return next((at for at, row in enumerate(ARCHES) if row.name == name), len(ARCHES)), name


def arch_named(word: str) -> str | None:
    """The architecture that a word of any system names (``amd64``, ``aarch64``, ``ppc64el``); None for unknown ones."""
    return _by_word(ARCHES).get(word.lower())


@cache
def _by_word(rows: tuple[Arch, ...]) -> dict[str, str]:
    return {word: row.name for row in rows for word in row.words}


def arch_of_uname(word: str, little: bool) -> str | None:
    """The architecture of a running kernel: ``uname -m`` and the byte order, which the word of MIPS leaves open."""
    found = arch_named(word)
    row = arch_record(found) if found else None
    if row is None or row.big != little:
        return found
    twin = (r for r in ARCHES if r.machine == row.machine and r.bits == row.bits and r.big != row.big)
    return next((r.name for r in twin), found)


def arch_of_release(release: str) -> str | None:
    """The architecture that a release names, as in ``6.12.107+deb13-arm64-16k`` or ``5.14.0-427.el9.aarch64+64k``."""
    known = _in_releases(ARCHES)
    return next((known[word] for word in reversed(re.split(r"[-.+]", release)[1:]) if word in known), None)


@cache
def _in_releases(rows: tuple[Arch, ...]) -> dict[str, str]:
    return {word: row.name for row in rows for word in (*row.deb, *row.rpm, *row.flavours)}


def arch_of_elf(machine: int, bits: int, little: bool) -> str | None:
    """The architecture of an ELF header: e_machine, word size and byte order; None for unknown ones."""
    return next((r.name for r in ARCHES if machine in r.machine and (r.bits, r.big) == (bits, not little)), None)


_HEAD = re.compile(rb"^# Linux/(\S+) \S+", re.MULTILINE)


def arch_of_config(config: bytes) -> str | None:
    """The architecture that a kernel config was made for: ARCH in its head, and the options that tell more."""
    found = _HEAD.search(config[:2000])
    word = found[1].decode("ascii", "replace") if found else ""
    rows = (row for row in ARCHES if word in row.kconfig)
    return next((row.name for row in rows if all(_holds(config, option) for option in row.options)), None)


def _holds(config: bytes, option: str) -> bool:
    name = option.removeprefix("!").encode()
    return (re.search(rb"^CONFIG_" + name + rb"=y$", config, re.MULTILINE) is not None) != option.startswith("!")


def arch_expression() -> str:
    """A regular expression that fits the words which name an architecture in file names, the longest first."""
    return _expression(ARCHES)


@cache
def _expression(rows: tuple[Arch, ...]) -> str:
    words = {word for row in rows for word in row.words if not word.isdigit()}  # "686" alone may be any number
    return "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))


def known_arches() -> list[str]:
    """The names of all architectures, as lists have them."""
    return [row.name for row in ARCHES]


def inferred_arches() -> list[str]:
    """Architectures that are judged from another one's kernels where they have none of their own."""
    return [row.name for row in ARCHES if row.inferred]
