# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies applied without a hand: C pasted into the source, or into a frame that runs it; loaders run with libbpf.

A remedy is as good as what comes of it: the engine judges what was built on both kernels, and libbpf itself runs the C
for the loader on the object, with the BTF of each kernel in place of the running one's.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Finding, Remedy, Tri, Verdict
from kfuncscope.rules.changes.change import compare, works_on
from kfuncscope.rules.context import Context
from kfuncscope.rules.judge import ObjectJudgement, judge
from support.frameargs import HOOK_OF, argument, preamble, typed_slots
from support.snippets import STRICT, Compiler

LICENCE = 'char LICENSE_[] SEC("license") = "GPL";\n'
MARKER = re.compile(r"/\* the body of (\w+)(?:, [^*]*)? \*/\n?(?:\treturn 0;)?")
FUNCTION = re.compile(r"^static __always_inline ([\w ]+?[ *]+)(\w+)\((.*)\)\n\{", re.MULTILINE)
PROGRAM = re.compile(r'^SEC\("([^"]+)"\)\n', re.MULTILINE)
# Where a program of a kind can always be attached, for frames whose own hook is another finding's matter.
HOOKS = {"fentry": "fentry/do_exit", "fexit": "fexit/do_exit", "kprobe": "kprobe/do_exit", "lsm": "lsm/file_open",
         "tp_btf": "tp_btf/sched_switch", "raw_tp": "raw_tp/sched_switch", "kretprobe": "kretprobe/do_exit",
         "tracepoint": "tracepoint/sched/sched_switch", "iter": "iter/task"}  # fmt: skip
TRACING = "raw_tp/sched_switch"
# Where a program finds a pointer whose type the verifier knows, for C that reads through it without a helper.
TYPED = {"task_struct": "", "inode": "->fs->pwd.dentry->d_inode", "dentry": "->fs->pwd.dentry", "cred": "->cred",
         "mm_struct": "->mm", "file": "->mm->exe_file", "super_block": "->fs->pwd.dentry->d_sb"}  # fmt: skip


class Way(StrEnum):
    """How a remedy was applied."""

    SOURCE = "source"
    FRAME = "frame"
    LOADER = "loader"
    TEXT = "nothing to paste"


@dataclass(frozen=True, slots=True)
class Built:
    """An object that a remedy is in, and the programs of it that count on the old kernel and on the new one."""

    data: bytes
    chosen: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """How a remedy was applied, whether the finding is gone on both kernels, and what speaks against it.

    ``limited`` where something else, which the program had before, keeps it from working on one of them.
    """

    way: Way
    ok: bool
    why: str = ""
    limited: bool = False
    built: tuple[Built, ...] = ()


@dataclass(frozen=True, slots=True)
class Sides:
    """Both kernels, each with a compiler that has its types."""

    old: Kernel
    new: Kernel
    compilers: tuple[Compiler, Compiler]

    @property
    def kernels(self) -> tuple[Kernel, Kernel]:
        """Old and new."""
        return self.old, self.new


# -- the loader's C, run


DRIVER = """
#include <stdlib.h>
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	return __real_fopen(strcmp(path, "/proc/kallsyms") ? path : getenv("KERNEL_SYMBOLS"), mode);
}
struct btf *__wrap_btf__load_vmlinux_btf(void) { return btf__parse(getenv("KERNEL_BTF"), NULL); }
int __wrap_libbpf_probe_bpf_prog_type(enum bpf_prog_type type, const void *opts)
{
	char one[16];

	snprintf(one, sizeof(one), ",%d,", type);
	return !!strstr(getenv("KERNEL_TYPES"), one);
}
static int quiet(enum libbpf_print_level level, const char *format, va_list args) { return 0; }
int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct bpf_map *map;

	libbpf_set_print(quiet);
	obj = bpf_object__open(argv[1]);
	if (!obj)
		return 3;
	printf("done %d\\n", FUNCTION(obj));
	bpf_object__for_each_program(prog, obj)
		printf("program %s %d\\n", bpf_program__name(prog), bpf_program__autoload(prog));
	bpf_object__for_each_map(map, obj)
		printf("map %s %d %u\\n", bpf_map__name(map), bpf_map__autocreate(map), bpf_map__map_flags(map));
	return 0;
}
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the loader's C left: an answer below 0 is an error; programs on or off; maps made or not, with flags."""

    answer: int
    programs: dict[str, bool]
    maps: dict[str, tuple[bool, int]]


@cache
def _folder() -> TemporaryDirectory[str]:
    """Where the loaders of this process are kept."""
    return TemporaryDirectory()


@cache
def _built(code: str) -> Path:
    """The loader's C with a main function around it, which opens an object and says what became of it."""
    called = re.search(r"^int (\w+)\(struct bpf_object \*obj\)", code, re.MULTILINE)
    assert called is not None, code
    path = Path(_folder().name, f"loader-{abs(hash(code)):x}")
    source = path.with_suffix(".c")
    source.write_text(f"#include <stdarg.h>\n{code}\n{DRIVER.replace('FUNCTION', called[1])}")
    wraps = ["-Wl,--wrap=btf__load_vmlinux_btf", "-Wl,--wrap=libbpf_probe_bpf_prog_type", "-Wl,--wrap=fopen"]
    subprocess.run(["clang", "-O1", *STRICT, *wraps, source, "-o", path, "-lbpf"], check=True, capture_output=True)
    return path


def run_loader(code: str, data: bytes, compiler: Compiler, kernel: Kernel) -> Loaded | None:
    """Run the loader's C on an object as if the kernel ran; None where libbpf does not open the object."""
    types = "".join(f",{number}," for number in _types(kernel))
    with TemporaryDirectory() as folder:
        Path(folder, "o.bpf.o").write_bytes(data)
        Path(folder, "kallsyms").write_text(_symbols(kernel, re.findall(r'has_symbol\d*\("([^"]+)"\)', code)))
        environment = {**os.environ, "KERNEL_BTF": str(compiler.folder / "btf"), "KERNEL_TYPES": types,
                       "KERNEL_SYMBOLS": "kallsyms"}  # fmt: skip
        done = subprocess.run(
            [_built(code), "o.bpf.o"], cwd=folder, env=environment, capture_output=True,
            text=True, check=False, timeout=30,
        )  # fmt: skip
    if done.returncode:
        return None
    words = [line.split() for line in done.stdout.splitlines()]
    return Loaded(
        next(int(w[1]) for w in words if w[0] == "done"),
        {w[1]: w[2] == "1" for w in words if w[0] == "program"},
        {w[1]: (w[2] == "1", int(w[3])) for w in words if w[0] == "map"},
    )


def _symbols(kernel: Kernel, asked: list[str]) -> str:
    """A list of symbols as the kernel prints it, of those names that it has; by its BTF where its list is not given."""
    held = kernel.symbols
    there = [n for n in asked if (held.is_function(n) if held is not None else bool(kernel.functions(n)))]
    return "".join(f"0000000000000000 t {n}\n" for n in ("other", *there, "last_one\t[module]"))


@cache
def _types(kernel: Kernel) -> frozenset[int]:
    """The numbers of the program types that a kernel has."""
    listed = (e for _, blob, enum in kernel.types("bpf_prog_type", Kind.ENUM) for e in blob.enumerators(enum))
    return frozenset(e.value for e in listed if e.name.removeprefix("BPF_PROG_TYPE_") in kernel.prog_types)


def left_out(data: bytes, program: str, finding: Finding, loader: str, sides: Sides) -> Applied:
    """The loader's C alone: on the old kernel all stays on; on the new one what fails is off, or made otherwise."""
    left, limited = [], False
    failing: set[Failure] = set()
    for side, (kernel, compiler) in enumerate(zip(sides.kernels, sides.compilers, strict=True)):
        got = run_loader(loader, data, compiler, kernel)
        if got is None:
            return Applied(Way.LOADER, False, "libbpf does not open the object")
        left.append(tuple(name for name, on in got.programs.items() if on))
        if set(re.findall(r'find_map_by_name\(obj, "(\w+)"\)', loader)) & _linked(data) - set(got.maps):
            return Applied(Way.TEXT, False, "no libbpf of this machine knows the section of the table")
        if got.answer < 0:
            return Applied(Way.LOADER, False, f"the loader's C fails with {got.answer}")
        if not chosen_of(loader):
            if side and (why := _map_left(read_object(data, "o.bpf.o"), finding, got, kernel)):
                return Applied(Way.LOADER, False, why)
            continue
        chosen = [n for n in chosen_of(loader) if got.programs.get(n)]
        if side == 0 and len(chosen) != 1:
            return Applied(Way.LOADER, False, f"{chosen} are switched on on the old kernel")
        if side == 1 and program in chosen:
            return Applied(Way.LOADER, False, "it stays on where it fails")
        if chosen and chosen != [program]:
            failing |= _fails(judged_once(data, kernel), chosen[0])
        elif chosen:
            limited |= _refused(judged_once(data, kernel), program)
    if finding.failure in failing:
        return Applied(Way.LOADER, False, "the program in its place fails for the same reason")
    return Applied(Way.LOADER, True, limited=limited or bool(failing), built=(Built(data, tuple(left)),))


def _linked(data: bytes) -> set[str]:
    """Tables in ``.struct_ops.link``, a section that libbpf knows from 1.2 on."""
    return {ops.name for ops in _read(data).struct_ops if ops.link}


def chosen_of(loader: str) -> list[str]:
    """The programs that the loader's C switches on and off: one that may be left out, or two of which one is loaded."""
    return re.findall(r'bpf_object__find_program_by_name\(obj, "(\w+)"\)', loader)


def _fails(judged: ObjectJudgement, program: str) -> set[Failure]:
    """Why a program does not work on a kernel; empty where it does."""
    return {p.failure for j in judged.programs if j.program.name == program for p in j.problems
            if works_on(j) is not Tri.YES}  # fmt: skip


def _refused(judged: ObjectJudgement, program: str) -> bool:
    """Whether a program is known not to work on a kernel."""
    return any(j.program.name == program and works_on(j) is Tri.NO for j in judged.programs)


def _map_left(obj: BpfObject, finding: Finding, got: Loaded, kernel: Kernel) -> str:
    """What still fails of the maps once the loader's C has run; empty where nothing does."""
    changed = {name for name, (made, flags) in got.maps.items()
               if not made or (name in obj.maps and flags != obj.maps[name].flags)}  # fmt: skip
    if not changed:
        return "the loader's C changes no map"
    for name in list(obj.maps):
        made, flags = got.maps.get(name, (True, obj.maps[name].flags))
        if made:
            obj.maps[name] = obj.maps[name]._replace(flags=flags)
    left = [p for p in judge(obj, kernel).problems if p.failure == finding.failure and p.name not in changed]
    left = [p for p in left if not any(got.maps.get(m, (True, 0))[0] is False for m in obj.maps if m in str(p.message))]
    makes = [m for m in changed if got.maps[m][0]]
    return "; ".join(str(p.message) for p in left) if makes else ""


# -- C for the program


def paste(text: str, program: str, finding: Finding, remedy: Remedy) -> str | None:
    """The source with a remedy pasted in: the body moved, or calls and reads replaced by those of the snippet.

    None where that takes a hand.
    """
    marker = f"/* the body of {program} */\n\treturn 0;"
    if marker in remedy.code:
        whole = re.search(rf'SEC\("[^"]*"\)\n\w+ (?:\w+\()?{program}\b[^{{]*\n{{\n(.*?)\n}}\n', text, re.DOTALL)
        if whole is None:
            return None
        return text.replace(whole[0], remedy.code.replace(marker, whole[1].strip("\n\t")) + "\n")
    called = re.search(r"\b((?:read|call|try|value_of)_\w+)\(", remedy.code)
    if called is None:
        return None
    name, before = finding.name.rpartition(".")[2], text
    if called[1].startswith("read_"):
        text = re.sub(rf"BPF_CORE_READ\((\w+), {name}\)", rf"{called[1]}(\1)", text)
    elif called[1].startswith("value_of_"):
        text = re.sub(rf"\b{name}\b(?![^\n]*\*/)", f"{called[1]}()", text)
    else:
        text = re.sub(rf"extern [^;]*\b{name}\([^;]*;\n", "", text)
        text = re.sub(rf"\b{name}\(", f"{called[1]}(", text)
    first = re.search(r"^(?:struct|u64|__u64|extern|SEC|char|static)\b", text, re.MULTILINE)
    if first is None or text == before:
        return None
    return text[: first.start()] + remedy.code + "\n\n" + text[first.start() :]


def frames(obj: BpfObject, program: str, remedy: Remedy, contexts: tuple[Context, Context]) -> Iterator[str]:
    """Sources that run a remedy's C and nothing else, the one nearest to the program first.

    Both kernels' ``contexts`` tell what the hooks pass.
    """
    code = remedy.code
    licence = "" if 'SEC("license")' in code else LICENCE
    if PROGRAM.search(code):
        made = MARKER.sub(lambda m: _body(code, m), code)
        yield "\n".join([made, licence + _callbacks(code), *_tables(obj, program, code)])
        return
    for head, slots in _heads(obj, program, code, contexts):
        before, inside = _use(code, slots)
        yield f"{code}\n\n{licence}{before}{head}\n{{\n{inside}}}\n"


def _heads(
    obj: BpfObject, program: str, code: str, contexts: tuple[Context, Context]
) -> Iterator[tuple[str, dict[str, int]]]:
    """Programs for a frame, with the slots of pointers that they are given: where C that reads through ``obj`` finds
    such a pointer, where the object's own stand, then where each kind can always stand."""
    if (read := re.search(r"const struct (\w+?)(?:___\w+)? \*\w+ = obj;", code)) and read[1] in HOOK_OF:
        place, at = HOOK_OF[read[1]]
        yield f'SEC("{place}")\nint frame(void *ctx)', {read[1]: at}
    mine = [p for p in obj.programs if p.name == program] or obj.programs
    tables = {m.program: (ops.kernel_type, m.member.name) for ops in obj.struct_ops for m in ops.members if m.program}
    places = []
    for one in mine:
        old, new = (typed_slots(c, one.name) for c in contexts)
        slots = {kind: at for kind, at in old.items() if new.get(kind, at) == at}
        if one.name in tables:
            yield _table(obj, *tables[one.name]), slots
        own, kind = one.section.name.removeprefix("?"), one.section.kind.removesuffix(".s")
        yield f'SEC("{own}")\nint frame(void *ctx)', slots
        places += [own, HOOKS.get(kind, TRACING)]
    yield from ((f'SEC("{p}")\nint frame(void *ctx)', {}) for p in dict.fromkeys([*places, TRACING, "syscall"]))


def _table(obj: BpfObject, kind: str, member: str) -> str:
    """A program for a member of a table, with the table and programs that do nothing for its other members."""
    others = [m.member.name for ops in obj.struct_ops if ops.kernel_type == kind for m in ops.members if m.program]
    members = [member, *(n for n in dict.fromkeys(others) if n != member)]
    called = {n: "frame" if n == member else f"other_{n}" for n in members}
    lines = [_flavour(kind, members)]
    lines += ["int frame(unsigned long long *ctx);"]
    lines += [
        f'SEC("struct_ops/{n}")\nint {called[n]}(unsigned long long *ctx)\n{{\n\treturn 0;\n}}' for n in members[1:]
    ]
    values = ", ".join(f".{n} = (void *){called[n]}" for n in members)
    lines += [f'SEC(".struct_ops")\nstruct {kind}___frame frame_table = {{ {values} }};']
    return "\n".join([*lines, f'SEC("struct_ops/{member}")\nint frame(unsigned long long *ctx)'])


def _flavour(kind: str, members: list[str]) -> str:
    return "\n".join([f"struct {kind}___frame {{", *(f"\tint (*{n})(void);" for n in members), "};"])


def _tables(obj: BpfObject, program: str, code: str) -> Iterator[str]:
    """A table for each of a pair of callbacks, as the loader would fill in the one that fits."""
    pair = re.findall(r'^SEC\("\?struct_ops[^"]*"\)\nint BPF_PROG\((\w+)', code, re.MULTILINE)
    for ops in obj.struct_ops if pair else ():
        member = next((m.member.name for m in ops.members if m.program == program), "")
        others = [m.member.name for m in ops.members if m.program not in ("", program)]
        if member:
            yield _flavour(ops.kernel_type, [member, *others])
            yield from (
                f'SEC("struct_ops/{n}")\nint other_{n}(unsigned long long *ctx)\n{{\n\treturn 0;\n}}' for n in others
            )
        for number, one in enumerate(pair if member else ()):
            values = ", ".join([f".{member} = (void *){one}", *(f".{n} = (void *)other_{n}" for n in others)])
            yield f'SEC(".struct_ops")\nstruct {ops.kernel_type}___frame table_{number} = {{ {values} }};'


def _use(code: str, slots: dict[str, int]) -> tuple[str, str]:
    """What stands before a program, and in it, so that it uses the snippet."""
    if found := list(FUNCTION.finditer(code)):
        return _called(found[-1], code, slots)
    if variable := re.search(r"^extern (?:\w+ )+\**(\w+) __kconfig", code, re.MULTILINE):
        return "", f"\treturn {variable[1]};\n"
    if array := re.search(r'^} (\w+) SEC\("\.maps"\)', code, re.MULTILINE):
        return "", f"\tbpf_tail_call(ctx, &{array[1]}, 0);\n\treturn 0;\n"
    return "", "\treturn 0;\n"


def _typed(code: str) -> str:
    """A pointer for C that reads through ``obj`` itself; empty where it reads with helpers, which take any address."""
    cast = re.search(r"const struct (\w+?)(?:___\w+)? \*(\w+) = obj;", code)
    direct = cast is not None and re.search(rf"return {cast[2]}->", code)
    return f"bpf_get_current_task_btf(){TYPED[cast[1]]}" if cast and direct and cast[1] in TYPED else ""


def _called(found: re.Match[str], code: str, slots: dict[str, int]) -> tuple[str, str]:
    """Calls the function with what it takes."""
    depth, parts = 0, [""]
    for c in found[3]:
        depth += (c == "(") - (c == ")")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    listed = [p.strip() for p in parts if p.strip() not in ("", "void")]
    arguments = [argument(p, code, slots, _typed(code)) for p in listed]
    before, inside = preamble(listed)
    call = f"{found[2]}({', '.join(arguments)})"
    room = "\tchar bytes[64] = {};\n\n" if "bytes" in arguments else ""
    if found[1].strip() == "void":
        return before, f"{room}{inside}\t{call};\n\treturn 0;\n"
    # 0 may be returned everywhere.
    return before, f"{room}{inside}\tvolatile long got = (long){call};\n\n\treturn 0;\n"


def _body(code: str, marker: re.Match[str]) -> str:
    """A body that reads what it is given, so that the engine sees each argument used."""
    head = code[: marker.start()].rpartition("\nSEC(")[2]
    tests = re.search(r"if \((!.*)\)\n", head)
    tested = re.findall(r"!(\w+)", tests[1]) if tests else []
    shared = re.search(rf"{marker[1]}_body\(void \*ctx((?:, [^)]*)?)\)", code)
    names = [n for p in (shared[1].split(",") if shared else []) if (n := re.search(r"(\w+)$", p.strip()))]
    lines = [f"(void)*(const volatile char *){n};" for n in tested]
    lines += [f"sink += (long){n[1]};" for n in names if shared and "(*" not in shared[1]]
    declared = ["volatile long sink = 0;", ""] if any("sink" in line for line in lines) else []
    return "\n\t".join([*declared, *lines, "return 0;"])


def _callbacks(code: str) -> str:
    """The programs that a table of callbacks names, which are in the object's own source otherwise."""
    names = re.findall(r"^int (\w+)\(unsigned long long \*ctx\);", code, re.MULTILINE)
    members = dict(re.findall(r"\.(\w+) = \(void \*\)(\w+),", code))
    of = {program: member for member, program in members.items()}
    return "".join(f'SEC("struct_ops/{of[n]}")\nint {n}(unsigned long long *ctx)\n{{\n\treturn 0;\n}}\n' for n in names)


@lru_cache(maxsize=2)
def _read(data: bytes) -> BpfObject:
    return read_object(data, "o.bpf.o")


@lru_cache(maxsize=4)
def judged_once(data: bytes, kernel: Kernel) -> ObjectJudgement:
    """An object on a kernel, kept while its findings are gone through."""
    return judge(_read(data), kernel)


OF_THE_JIT = {Failure.JIT_NO_KFUNC, Failure.JIT_CAPABILITY}
"""What is not said of a kernel while a kfunc is not found there, and holds of it all the same."""


class Trial:
    """One finding to be mended: what else of its program fails on either kernel does not count against the remedy."""

    def __init__(self, data: bytes, program: str, finding: Finding, sides: Sides) -> None:
        self.obj, self.program, self.finding, self.sides = _read(data), program, finding, sides
        self.remedy = finding.remedy or Remedy("")
        self.copies = "R-12.16" in finding.rules  # probes on what the compiler made, which the new kernel alone has
        self.known: list[set[Failure]] = []
        judged = judged_once(data, sides.old), judged_once(data, sides.new)
        self.contexts = judged[0].context, judged[1].context
        for side, seen in enumerate(judged):
            mine = [p for j in seen.programs if program in ("", j.program.name) for p in j.problems]
            failures = {p.failure for p in (*mine, *seen.problems)}
            self.known.append(failures if side == 0 else (failures - {finding.failure}) | (self.known[0] & OF_THE_JIT))

    def works(self, data: bytes, names: list[str]) -> Applied:
        """What comes of an object that the remedy was applied to; ``names`` are the programs that matter, all if none.

        A single program works on both kernels, and the upgrade changes nothing for it. Of a pair, each kernel has one
        that works, and where the remedy has C for the loader, that C chooses it.
        """
        obj = read_object(data, "applied.bpf.o")
        both = judge(obj, self.sides.old), judge(obj, self.sides.new)
        listed = [p.name for p in obj.programs if p.name in names] or [p.name for p in obj.programs]
        limited, counted = False, []
        for side, kernel in enumerate(self.sides.kernels):
            chosen, why = self._chosen(data, listed, side, kernel)
            counted.append(tuple(chosen))
            answers = [self._answer(both[side], name, side) for name in chosen]
            if why or (answers and all(a.why for a in answers)):
                return Applied(Way.FRAME, False, why or f"on the {('old', 'new')[side]} kernel {answers[0].why}")
            limited |= any(a.limited for a in answers) and not any(a.ok and not a.limited for a in answers)
        built = (Built(data, tuple(counted)),)
        if len(listed) == 1 and not limited and not self.copies:
            found = next(p for p in compare(*both, "", "").programs if p.program == listed[0]).findings
            told = [f.message for f in found if f.verdict not in (Verdict.OK, Verdict.DEGRADES)]
            return Applied(Way.FRAME, not told, "; ".join(told), built=built)
        return Applied(Way.FRAME, True, limited=limited, built=built)

    def _chosen(self, data: bytes, listed: list[str], side: int, kernel: Kernel) -> tuple[list[str], str]:
        """The programs that count on one kernel: of a pair those that the loader's C switches on."""
        if self.copies:
            return (listed if side else []), ""
        if len(listed) == 1 or not self.remedy.loader or kernel.endian == ">":  # which no libbpf here opens
            return listed, ""
        got = run_loader(self.remedy.loader, data, self.sides.compilers[side], kernel)
        if got is None or got.answer < 0:
            return [], f"the loader's C fails: {got}"
        chosen = [n for n in listed if got.programs[n]]
        return chosen, "" if len(chosen) == 1 else f"the loader switches on {chosen}"

    def _answer(self, judged: ObjectJudgement, name: str, side: int) -> Applied:
        one = next(j for j in judged.programs if j.program.name == name)
        if works_on(one) is Tri.YES:
            return Applied(Way.FRAME, True)
        left = [p for p in one.problems if p.failure not in self.known[side]]
        said = "; ".join(f"{name}: {p.message}" for p in left)
        return Applied(Way.FRAME, not left, said, limited=not left)


def apply(data: bytes, source: str, program: str, finding: Finding, sides: Sides) -> Applied:
    """Apply the remedy of a finding; ``source`` is the object's, empty where it is not at hand."""
    remedy = finding.remedy
    assert remedy is not None
    if not remedy.code:
        if not remedy.loader:
            return Applied(Way.TEXT, False)
        if sides.new.endian == ">":
            return Applied(Way.TEXT, False, "no libbpf of this machine opens the object")
        return left_out(data, program, finding, remedy.loader, sides)
    trial = Trial(data, program, finding, sides)
    text = paste(source, program, finding, remedy) if source else None
    if text is not None and not sides.compilers[1].program(text, "-w"):
        names = [program, f"{program}_new"] if program else []
        return dataclasses.replace(trial.works(sides.compilers[1].made, names), way=Way.SOURCE)
    made = Applied(Way.FRAME, False, "no frame")
    for frame in frames(trial.obj, program, remedy, trial.contexts):
        one = _framed(frame, trial)
        if one.ok and not one.limited:
            return one
        if one.ok or not made.ok:
            made = one if made.why == "no frame" or one.ok else made
    return made


def _framed(frame: str, trial: Trial) -> Applied:
    """What comes of a frame, built beside the types of either kernel: the worse answer."""
    names = ["frame"] if "int frame(" in frame else re.findall(r'SEC\("\?[^"]*"\)\n\w+ (?:BPF_\w+\()?(\w+)', frame)
    made = Applied(Way.FRAME, True)
    built: tuple[Built, ...] = ()
    for compiler in trial.sides.compilers:
        if said := compiler.program(frame, "-w"):
            return Applied(Way.FRAME, False, f"{said[:500]}\n{frame}")
        one = trial.works(compiler.made, names)
        if not one.ok:
            return one
        made = one if one.limited else made
        built += one.built
    return dataclasses.replace(made, built=built)
