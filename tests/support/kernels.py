# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tiny kernels for tests: the enums of the UAPI as a release has them, struct pt_regs, and what the test adds.

    kb = KernelBuilder("7.3")                                    # arch="s390x" makes it big endian
    task = kb.btf.struct("task_struct", [("pid", kb.s32)])
    kb.btf.kfunc("bpf_foo", kb.s32, [("p", kb.btf.ptr(task))])   # registered as a kfunc by its tag
    kb.hook("do_exit", [("code", kb.s64)])
    kernel = kb.kernel(config={"BPF_JIT": "y"}, symbols=["do_exit"], modules={"nf": module_writer})

Knowledge (registrations, helper lists, ...) is that of the release, so names and numbers of the tests are real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kfuncscope.arch import arch_record
from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.knowledge.levels import level_key
from kfuncscope.knowledge.names import dated_enumerators
from kfuncscope.model.verdict import ObjectVerdict
from kfuncscope.remedy.remedies import remedied
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import ObjectJudgement, ProgramJudgement, judge
from kfuncscope.storage.files import KernelFiles, ModuleSections
from support.bpfwriter import ObjectBuilder
from support.btfwriter import BtfWriter

# Members of struct pt_regs, each of eight bytes, at the offsets that the calling convention gives.
PT_REGS = {
    "x86_64": "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss",
    "arm64": " ".join(f"x{i}" for i in range(31)) + " sp pc pstate",
    "riscv64": "epc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7",
    "ppc64le": " ".join(f"gpr{i}" for i in range(32)) + " nip msr",
    "ppc64": " ".join(f"gpr{i}" for i in range(32)) + " nip msr",
    "loongarch64": " ".join(f"regs{i}" for i in range(32)) + " orig_a0 csr_era",
    "arm": "uregs",
    "s390x": "args psw addr " + " ".join(f"gpr{i}" for i in range(16)),
}
# Some flags of maps, and how many bits of them a release knows.
MAP_FLAGS = {"BPF_F_NO_PREALLOC": 0, "BPF_F_INNER_MAP": 12, "BPF_F_LINK": 13, "BPF_F_NO_USER_CONV": 18,
             "BPF_F_RB_OVERWRITE": 19}  # fmt: skip
FLAGS_OF = {"6.1": 13, "6.12": 19}
CONFIG = {
    "BPF": "y", "SMP": "y", "BPF_JIT": "y", "BPF_SYSCALL": "y",
    "DYNAMIC_FTRACE_WITH_DIRECT_CALLS": "y", "BPF_LSM": "y", "KPROBES": "y",
    "FPROBE": "y", "FTRACE_SYSCALLS": "y", "KALLSYMS_ALL": "y", "BPF_EVENTS": "y", "NET": "y", "INET": "y",
    "DYNAMIC_FTRACE": "y", "KPROBES_ON_FTRACE": "y", "CGROUPS": "y", "CGROUP_BPF": "y",
}  # fmt: skip


def setting(option: str, value: str) -> str:
    """The line of a config that sets an option, or says that it is not set."""
    return f"# CONFIG_{option} is not set\n" if value == "n" else f"CONFIG_{option}={value}\n"


class KernelBuilder:
    """A kernel in the making; ``btf`` is the writer of its vmlinux."""

    def __init__(self, release: str = "7.3", arch: str = "x86_64", *, enums: bool = True) -> None:
        self.release, self.arch = release, arch
        self.endian = arch_record(arch).endian
        self.btf = BtfWriter(self.endian)
        self.lists = {name: list(rows) for name, rows in for_release(release).uapi.items()}
        self._until(release)
        self._closed = not enums
        long_ = self.btf.once("int_", "unsigned long", arch_record(arch).bits // 8)
        self.registers = self.btf.struct("pt_regs", [(name, long_) for name in PT_REGS.get(arch, "uregs").split()])

    @property
    def s32(self) -> int:
        """``int``."""
        return self.btf.once("int_", "int", 4, signed=True)

    @property
    def u32(self) -> int:
        """``unsigned int``."""
        return self.btf.once("int_", "unsigned int", 4)

    @property
    def s64(self) -> int:
        """``long``."""
        return self.btf.once("int_", "long", 8, signed=True)

    @property
    def u64(self) -> int:
        """``unsigned long``."""
        return self.btf.once("int_", "unsigned long", 8)

    def without(self, enumerator: str) -> KernelBuilder:
        """Take an enumerator (``BPF_MAP_TYPE_ARENA``, or a helper's bare name) and all after it out of its enum."""
        for rows in self.lists.values():
            names = [row.split(" = ")[0] for row in rows]
            if enumerator in names:
                del rows[names.index(enumerator) :]
        return self

    def _until(self, release: str) -> None:
        """Leave out what came after the release: its neighbour's tables, which may stand for it, have more."""
        wanted = level_key(release) or ()
        for rows in self.lists.values():
            for at, row in enumerate(rows):
                if (level_key(dated_enumerators().get(row.split(" = ")[0], "")) or ()) > wanted:
                    del rows[at:]
                    break

    def backporting(self, release: str) -> KernelBuilder:
        """Give it the program, map and attach types, and the helpers, of a later release, as distributions do."""
        self.lists = {name: list(rows) for name, rows in for_release(release).uapi.items()}
        self._until(release)
        return self

    def _enums(self) -> None:
        for name in ("bpf_attach_type", "bpf_map_type", "bpf_prog_type"):
            self.btf.enum(name, _numbered(self.lists[name]))
        self.btf.enum("bpf_func_id", {f"BPF_FUNC_{row}": i for i, row in enumerate(self.lists["helpers"])})
        self.btf.enum("", {name: 1 << bit for name, bit in MAP_FLAGS.items() if bit < FLAGS_OF.get(self.release, 20)})

    # -- hooks

    def hook(self, name: str, params: Sequence[tuple[str, int]] = (), returns: int | None = None) -> int:
        """A function of the kernel."""
        return self.btf.func(name, self.s32 if returns is None else returns, params)

    def tracepoint(self, name: str, params: Sequence[tuple[str, int]] = ()) -> int:
        """``btf_trace_NAME``."""
        proto = self.btf.proto(0, [("__data", self.btf.once("ptr", 0)), *params])
        return self.btf.typedef(f"btf_trace_{name}", self.btf.ptr(proto))

    def lsm(self, name: str, params: Sequence[tuple[str, int]] = ()) -> int:
        """``bpf_lsm_NAME``."""
        return self.hook(f"bpf_lsm_{name}", params)

    def ops(self, name: str, members: Sequence[tuple[str, int]]) -> int:
        """A struct_ops type: ``struct NAME`` and ``struct bpf_struct_ops_NAME``; the id of the first."""
        made = self.btf.struct(name, members)
        self.btf.struct(f"bpf_struct_ops_{name}", [("common", self.u64), ("data", made)])
        return made

    def callback(self, params: Sequence[tuple[str, int]] = (), returns: int | None = None) -> int:
        """Type of a member that is a callback."""
        return self.btf.ptr(self.btf.proto(self.s32 if returns is None else returns, params))

    # -- output

    def build(self) -> bytes:
        """The BTF of vmlinux."""
        if not self._closed:
            self._closed = True
            self._enums()
        return self.btf.build()

    def kernel(
        self,
        *,
        config: Mapping[str, str] | None = CONFIG,
        symbols: Iterable[str] | None = None,
        modules: Mapping[str, BtfWriter | bytes] | None = None,
        label: str = "test",
        unnumbered: bool = False,
    ) -> Kernel:
        """The kernel. ``symbols`` are names of functions, or lines like ``D jiffies``; ``config`` without CONFIG_.

        An option of ``n`` is one that the config says is not set.
        Without ``modules`` it has one module that holds nothing, so that what is not there is known to be missing.
        """
        btf = self.build()
        if modules is None:
            empty = BtfWriter(self.btf.endian, base=self.btf)
            empty.int_("of_a_module", 4)
            modules = {"empty": empty}
        text = None if config is None else "".join(setting(k, v) for k, v in config.items()).encode()
        lines = None
        if symbols is not None:
            lines = "".join(f"{s}\n" if " " in s else f"T {s}\n" for s in [*symbols, "_text"]).encode()
        readers = {
            name: _Reader(m if isinstance(m, bytes) else m.build()) for name, m in sorted((modules or {}).items())
        }
        files = KernelFiles(label, self.arch, self.release, btf, text, readers, symbols=lines, unnumbered=unnumbered)
        return open_kernel(files)


def _numbered(rows: Sequence[str]) -> dict[str, int]:
    """Enumerators with their values: counted on from the last, or equal to an earlier one."""
    found: dict[str, int] = {}
    following = 0
    for row in rows:
        name, _, equal = row.partition(" = ")
        value = found[equal] if equal in found else int(equal) if equal else following
        found[name] = value
        following = value + 1
    return found


class _Reader:
    """Gives a module's sections."""

    def __init__(self, btf: bytes) -> None:
        self.btf = btf

    def __call__(self) -> ModuleSections:
        return ModuleSections(self.btf)


def judged(builder: ObjectBuilder, kernel: Kernel, **types: str) -> ObjectJudgement:
    """The object of a builder on a kernel."""
    return judge(read_object(builder.build(), "test.bpf.o", types or None), kernel)


def only(builder: ObjectBuilder, kernel: Kernel) -> ProgramJudgement:
    """The same, of its one program."""
    (found,) = judged(builder, kernel).programs
    return found


def compared(builder: ObjectBuilder, old: Kernel, new: Kernel) -> ObjectVerdict:
    """The verdict of an upgrade."""
    data = builder.build()
    obj = read_object(data, "test.bpf.o")
    before, after = judge(obj, old), judge(obj, new)
    return remedied(compare(before, after, "package", "0" * 64), before, after)


def classes(found: ProgramJudgement) -> list[str]:
    """Classes of the problems that count, in order, without doubles."""
    return list(dict.fromkeys(p.failure for p in found.problems))


def rules(found: ProgramJudgement) -> set[str]:
    """Rules that the problems name."""
    return {r for p in found.problems for r in p.rules}
