# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Architectures: every word that distributions use, every file that tells one, and a new one as one row."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope import arch
from kfuncscope.arch import ARCHES, Arch, arch_named, arch_of_config, arch_of_elf, arch_of_release, arch_of_uname
from kfuncscope.census import collector
from kfuncscope.cli.main import main
from kfuncscope.commits.patterns import subject_of
from kfuncscope.decision.policy import parse
from kfuncscope.errors import KernelError
from kfuncscope.intake.image import image_arch
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.fingerprint import identify_arch
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.jit_caps import arch_table
from kfuncscope.knowledge.build.syscalls import syscall_table
from kfuncscope.model.causes import CauseKey, Change
from kfuncscope.session.grouping import build_of, name_of
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.files import KernelFiles
from kfuncscope.upgrade.pairs import pair_up
from support import archivewriter as write
from support import kernelfiles as make
from support.btfwriter import BtfWriter
from support.kernels import KernelBuilder

TOY = Arch(
    name="toy64", big=True, folder="toy", deb=("toy64eb",), rpm=("toyrpm",), uname=("toybox",),
    flavours=("toyflavour",), kconfig=("toy",), options=("TOY_64",), machine=(0x7077,),
    pt_regs_member="toy_pc", argument_offsets=(16, 24),
    syscall_prefix="__toy_", compat_syscall_prefix="__toy32_", trampoline_args=(((0,), 3), ((7, 1), 5)),
    entry_kprobes_by_ftrace=True, inferred=True, syscall_table="arch/toy/syscall.tbl", syscall_abis=("toy",),
)  # fmt: skip


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Arch:
    """The program with one row more."""
    monkeypatch.setattr(arch, "ARCHES", (*ARCHES, TOY))
    return TOY


def pt_regs(endian: str, long_: int, *members: str, size: int | None = None) -> BtfWriter:
    """BTF with a struct pt_regs and a ``long`` of so many bytes."""
    btf = BtfWriter(endian)
    word = btf.int_("long unsigned int", long_)
    btf.struct("pt_regs", [(name, word) for name in members], size)
    return btf


# -- words


def test_no_word_names_two_architectures() -> None:
    owners: dict[str, str] = {}
    for row in ARCHES:
        assert row.name == row.name.lower()
        for word in row.words:
            assert owners.setdefault(word, row.name) == row.name


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("amd64", "x86_64"), ("x86-64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("ppc64el", "ppc64le"),
        ("powerpc64le", "ppc64le"), ("armhf", "arm"), ("armel", "arm"), ("armv7l", "arm"), ("armv7hl", "arm"),
        ("loong64", "loongarch64"), ("mips64el", "mips64el"), ("mips64le", "mips64el"), ("mips64", "mips64"),
        ("mipsel", "mipsel"), ("powerpc", "ppc"), ("ppc32", "ppc"), ("powerpc64", "ppc64"), ("i686", "i386"),
        ("s390", "s390x"), ("hppa", "parisc32"), ("noarch", None), ("all", None), ("", None),
    ],
)  # fmt: skip
def test_words_of_distributions(word: str, name: str | None) -> None:
    assert arch_named(word) == name


@pytest.mark.parametrize(
    ("word", "little", "name"),
    [("mips64", True, "mips64el"), ("mips64", False, "mips64"), ("mips", True, "mipsel"), ("ppc64", False, "ppc64"),
     ("ppc64le", True, "ppc64le"), ("i686", True, "i386"), ("armv7l", True, "arm"), ("vax", True, None)],
)  # fmt: skip
def test_the_machine_that_runs(word: str, little: bool, name: str | None) -> None:
    assert arch_of_uname(word, little) == name


@pytest.mark.parametrize(
    ("release", "name"),
    [("6.12.107+deb13-loong64", "loongarch64"), ("6.1.0-50-mips64r2el", "mips64el"), ("6.1.0-50-mips32r2el", "mipsel"),
     ("6.12.107-powerpc", "ppc"), ("6.12.107-powerpc64", "ppc64"), ("6.12.107-parisc64", "parisc64"),
     ("6.12.107-parisc", "parisc32"), ("6.1.0-50-marvell", "arm"), ("6.12.107-rt", None), ("686", None)],
)  # fmt: skip
def test_releases_that_name_one(release: str, name: str | None) -> None:
    assert arch_of_release(release) == name


def test_numbers_of_bpf() -> None:
    """The collector is copied to hosts and runs alone: its table is the rows' by ``uname -m``."""
    told = {word: row.bpf_syscall for row in ARCHES for word in row.uname}
    assert {word: collector.SYSCALLS.get(word, 280) for word in told} == told
    assert set(collector.SYSCALLS) <= set(told)


# -- files


@pytest.mark.parametrize(
    ("machine", "bits", "little", "name"),
    [(62, 64, True, "x86_64"), (3, 32, True, "i386"), (21, 64, True, "ppc64le"), (21, 64, False, "ppc64"),
     (20, 32, False, "ppc"), (243, 64, True, "riscv64"), (243, 32, True, "riscv32"), (8, 64, True, "mips64el"),
     (8, 64, False, "mips64"), (8, 32, True, "mipsel"), (8, 32, False, "mips"), (22, 64, False, "s390x"),
     (22, 32, False, None), (258, 64, True, "loongarch64"), (247, 64, True, None), (43, 64, False, "sparc64")],
)  # fmt: skip
def test_elf_headers(machine: int, bits: int, little: bool, name: str | None) -> None:
    assert arch_of_elf(machine, bits, little) == name


@pytest.mark.parametrize(
    ("word", "options", "name"),
    [
        ("x86", ("X86_64", "64BIT"), "x86_64"), ("x86_64", ("X86_64",), "x86_64"), ("i386", ("X86_32",), "i386"),
        ("mips", ("64BIT", "CPU_LITTLE_ENDIAN"), "mips64el"), ("mips", ("64BIT", "CPU_BIG_ENDIAN"), "mips64"),
        ("mips", ("CPU_LITTLE_ENDIAN",), "mipsel"), ("mips", ("CPU_BIG_ENDIAN",), "mips"),
        ("powerpc", ("PPC64", "CPU_LITTLE_ENDIAN"), "ppc64le"), ("powerpc", ("PPC64",), "ppc64"),
        ("powerpc", ("PPC32",), "ppc"), ("riscv", ("64BIT",), "riscv64"), ("riscv", ("32BIT",), "riscv32"),
        ("loongarch", ("64BIT",), "loongarch64"), ("arm64", ("64BIT",), "arm64"), ("s390", ("64BIT",), "s390x"),
        ("sparc", ("64BIT",), "sparc64"), ("parisc", ("64BIT",), "parisc64"), ("um", ("64BIT",), None),
    ],
)  # fmt: skip
def test_configs(word: str, options: tuple[str, ...], name: str | None) -> None:
    assert arch_of_config(make.config("6.12.107", word, *options)) == name


@pytest.mark.parametrize(
    ("endian", "long_", "member", "size", "name"),
    [("<", 8, "orig_ax", 168, "x86_64"), ("<", 4, "orig_ax", 68, "i386"), ("<", 8, "nip", None, "ppc64le"),
     (">", 8, "nip", None, "ppc64"), (">", 4, "nip", None, "ppc"), ("<", 8, "cp0_epc", None, "mips64el"),
     (">", 8, "cp0_epc", None, "mips64"), ("<", 4, "cp0_epc", None, "mipsel"), ("<", 8, "epc", None, "riscv64"),
     ("<", 4, "epc", None, "riscv32"), (">", 8, "psw", None, "s390x"), ("<", 8, "psw", None, None),
     ("<", 8, "csr_era", None, "loongarch64"), (">", 8, "tstate", None, "sparc64"), ("<", 8, "ip", None, None)],
)  # fmt: skip
def test_types_tell_it(endian: str, long_: int, member: str, size: int | None, name: str | None) -> None:
    """struct pt_regs, byte order and the size of ``long``: ppc and mips have four forms of one struct."""
    assert identify_arch(pt_regs(endian, long_, "first", member, size=size).blob()) == name


def test_config_and_package_of_one_build_are_one_kernel(own_cache: Path, tmp_path: Path) -> None:
    """A mips64el config was taken for mips64, so that it did not belong to its package."""
    release = "6.1.0-50-5kc-malta"
    deb = write.deb({f"boot/vmlinux-{release}": make.vmlinux(release, machine=8)}, arch="mips64el")
    (tmp_path / "linux-image.deb").write_bytes(deb)
    config = make.config(release, "mips", "64BIT", "CPU_LITTLE_ENDIAN")
    (tmp_path / f"config-{release}").write_bytes(config)
    (kernel,) = kernel_files([tmp_path / "linux-image.deb", tmp_path / f"config-{release}"])
    assert (kernel.arch, kernel.config, kernel.problems) == ("mips64el", config, ())
    assert open_kernel(kernel).endian == "<"


@pytest.mark.parametrize("name", ["ppc", "ppc64", "ppc64le", "mips64el", "mipsel", "loongarch64", "x86_64"])
def test_every_name_finds_its_tables(name: str) -> None:
    """``ppc`` had no row of JIT capabilities: the tables call it ppc32."""
    known = KernelBuilder("7.3").kernel().knowledge
    assert known.caps(name).jit == "ebpf"
    assert known.caps(name).arch == name


# -- given by a person


def test_any_word_is_taken_for_arch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinux.btf"
    kernel.write_bytes(make.base().build())
    for word in ("amd64", "x86_64"):
        assert main(["kernel", str(kernel), "--arch", word, "--release", "7.3"]) == 0
        assert "x86_64" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["kernel", str(kernel), "--arch", "vax", "--release", "7.3"])
    assert left.value.code == 2
    assert "unknown architecture 'vax'; known are x86_64, arm64, " in capsys.readouterr().err


def test_the_types_of_another_architecture_are_refused() -> None:
    files = KernelFiles("k", btf=KernelBuilder("7.3", "arm64").build())
    assert open_kernel(files, "aarch64").arch == "arm64"
    with pytest.raises(KernelError, match="unknown architecture 'vax'"):
        open_kernel(files, "vax")
    with pytest.raises(KernelError, match="given as x86_64, but its types are of arm64"):
        open_kernel(files, "amd64")


def test_policies_take_any_word() -> None:
    scope = parse(b'[[block]]\narch = ["amd64", "ppc64el", "mips*"]\n', "policy").block[0]
    assert scope.arch == ("x86_64", "ppc64le", "mips*")


# -- one row


def test_one_row_is_all_that_files_need(own_cache: Path, tmp_path: Path, toy: Arch) -> None:
    """Packages, releases, configs, ELF headers, names of files and types of an architecture that has only its row."""
    (tmp_path / "k.deb").write_bytes(write.deb({"boot/config-7.3": make.config("7.3", "none")}, arch="toy64eb"))
    assert [k.arch for k in kernel_files([tmp_path / "k.deb"])] == ["toy64"]
    assert arch_of_release("7.3.4-1-toyflavour") == "toy64"
    assert arch_of_uname("toybox", False) == arch_named("toyrpm") == "toy64"
    assert arch_of_config(make.config("7.3", "toy", "TOY_64")) == "toy64"
    assert arch_of_config(make.config("7.3", "toy", "TOY_32")) is None
    assert image_arch(make.vmlinux("7.3", machine=0x7077, endian=">"), "vmlinux") == "toy64"
    assert build_of("kernels/7.3-toyrpm/vmlinux.btf") == ((7, 3), "toy64")
    assert name_of(KernelRef([], label="7.3 toyrpm")) == "7.3"
    kernel = open_kernel(KernelFiles("k", release="7.3", btf=pt_regs(">", 8, "first", "toy_pc").build()))
    assert (kernel.arch, kernel.endian, kernel.syscall_prefix) == ("toy64", ">", "__toy_")
    assert open_kernel(KernelFiles("k", release="7.3"), "toybox").endian == ">"


def test_one_row_is_all_that_rules_need(toy: Arch) -> None:
    assert "toy64" in arch.inferred_arches()
    assert toy.most_trampoline_args((7, 0, 9)) == 3
    assert toy.most_trampoline_args((7, 1)) == toy.most_trampoline_args((7, 1, 2)) == 5
    assert toy.most_trampoline_args((0, 0)) == arch.MOST_ARGS  # nobody knows of which release it is
    kernels = [open_kernel(KernelFiles("k", release="7.3"), name) for name in ("toy64", "arc", "x86_64")]
    assert [pair.old.arch for pair in pair_up(kernels, kernels)] == ["x86_64", "arc", "toy64"]


def test_one_row_is_all_that_the_table_builder_needs(tmp_path: Path, toy: Arch) -> None:
    (tmp_path / "arch/toy").mkdir(parents=True)
    (tmp_path / "arch/toy/Kconfig").write_text("config TOY\n\tselect HAVE_EBPF_JIT\n")
    (tmp_path / "arch/toy/syscall.tbl").write_text("1\ttoy\topen\tsys_open\n2\told\tgone\tsys_gone\n")
    (tmp_path / "include/uapi/linux").mkdir(parents=True)
    for path in ("Makefile", "include/uapi/linux/bpf.h"):
        (tmp_path / path).write_text("VERSION = 7\nPATCHLEVEL = 3\n")
    tree = Tree(tmp_path)
    assert arch_table(tree)["archs"]["toy64"]["jit"] == "ebpf"
    assert syscall_table(tree)["archs"]["toy64"] == ["open"]


@pytest.mark.parametrize("row", [r for r in ARCHES if r.syscall_prefix], ids=lambda r: r.name)
def test_system_calls_of_every_architecture_are_searched_for_by_their_name(row: Arch) -> None:
    """``--history`` looks for SYSCALL_DEFINE of the name, whatever stands before it in the symbols."""
    for prefix in filter(None, (row.syscall_prefix, row.compat_syscall_prefix)):
        found = subject_of(CauseKey("function", f"{prefix}sys_openat", Change.REMOVED))
        assert found is not None and (found.how, found.name) == ("system call", "openat")
