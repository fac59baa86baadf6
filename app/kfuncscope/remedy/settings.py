# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is mended by a setting: licences, sections, maps, tables, options of the kernel; C only where it can help."""

from __future__ import annotations

from kfuncscope.bpf.maps import FLAG_LINK, MAP_TYPE_PROG_ARRAY
from kfuncscope.bpf.object import Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Finding, NeedKind, Remedy
from kfuncscope.remedy.ctext import NoCodeError, comment, name, snippet, target, word
from kfuncscope.remedy.kfunc import SLEEPABLE_TWINS, region_remedy, sleepable_twin
from kfuncscope.remedy.loader import HEADERS
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.checks.helper import AWAKE
from kfuncscope.rules.hooks.struct_ops import kernel_type, uses

LICENCE = 'char LICENSE[] SEC("license") = "Dual BSD/GPL";'


def licence_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A licence that the kernel takes for compatible with the GPL."""
    text = "Give the object a licence that is compatible with the GPL, if its sources allow that."
    return Remedy(text, LICENCE, caption="The licence of the object")


def helper_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A test for the helper by its enumerator; where the kernel has it, what keeps this call from it."""
    program = subject.program
    if finding.about.region and finding.about.region != AWAKE:
        return region_remedy(finding)
    if finding.about.region and program is not None and program.section.kind in SLEEPABLE_TWINS:
        return sleepable_twin(program, f"{finding.name}()")
    helper = finding.name.removeprefix("bpf_")
    known = {n for k in (subject.old.kernel, subject.new.kernel) for n in k.helpers.values()}
    lacks = helper not in set(subject.new.kernel.helpers.values())
    text = f"Test with bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_{helper}) before the call."
    if not lacks and helper in known:
        kind = program.section.prog_type if program is not None else "this type"
        if finding.about.region:
            return Remedy(f"Leave {finding.name}() out of programs of type {kind}, which cannot sleep.")
        return Remedy(f"Leave bpf_{helper}() out of programs of type {kind}: this kernel has it, but not for them.")
    try:
        flavour, one = "bpf_func_id___any", f"BPF_FUNC_{name(helper)}___any"
        lines = [
            f"enum {flavour} {{\n\t{one} = 1,\n}};\n",
            f"static __always_inline bool {word('has_bpf', helper)}(void)",
            "{",
            f"\treturn bpf_core_enum_value_exists(enum {flavour}, {one});",
            "}",
        ]
        return Remedy(text, snippet("\n".join(lines)), caption=f"Whether the kernel has bpf_{helper}()")
    except NoCodeError:
        return Remedy(text)


def ksym_remedy(subject: Subject, finding: Finding) -> Remedy:
    """The variable declared weak and its address tested."""
    text = f"Declare {finding.name} weak and test its address before reading it."
    try:
        called = name(finding.name)
        lines = [
            f"extern const void {called} __ksym __weak;\n",
            f"static __always_inline const void *{word('address_of', called)}(void)",
            "{",
            f"\treturn &{called}; {comment('NULL where the kernel has no such variable')}",
            "}",
        ]
        return Remedy(text, "\n".join(lines), caption=f"The address of {called}, where there is one")
    except NoCodeError:
        return Remedy(text)


def kconfig_remedy(subject: Subject, finding: Finding) -> Remedy:
    """The option declared weak: libbpf gives 0 where the kernel does not set it."""
    if finding.name == "LINUX_KERNEL_VERSION":
        return Remedy(
            "Ship a kernel whose release has three numbers; or let the object ask for the feature, not the version."
        )
    text = f"Declare {finding.name} weak, so that it is 0 where the kernel does not set it; or give it to libbpf with "
    text += "the kconfig option of bpf_object__open_file()."
    try:
        called = name(finding.name)
        if not called.startswith("CONFIG_"):
            raise NoCodeError(called)
        code = f"extern int {called} __kconfig __weak;"
        if any(e.name == called and e.typed and _is_text(subject, e.type) for e in subject.object.externs.values()):
            raise NoCodeError(called)
        return Remedy(text, code, caption=f"{called}, 0 where it is not set")
    except NoCodeError:
        return Remedy(text)


def _is_text(subject: Subject, type_id: int) -> bool:
    btf = subject.object.btf
    return btf is not None and btf.size(type_id) > 8


def map_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A map left out, or made without the flags, where the kernel does not take it."""
    if finding.kind is NeedKind.STRUCT_OPS:
        text = (
            f'The section ".struct_ops.link" sets BPF_F_LINK for {finding.about.map}: clear it before the load where '
        )
        text += "the kernel does not know it; bpf_map__attach_struct_ops() works without it."
        return _adjusted(text, finding.about.map, FLAG_LINK)
    new = subject.new.kernel
    types = {number for number, told in new.map_types.items() if told == finding.name}
    named = [m for m in subject.object.maps.values() if m.named]
    maps = [m for m in named if m.name == finding.about.map] or [m for m in named if m.type in types]
    text = "Create the map only where the kernel knows its type and flags: bpf_map__set_autocreate() before the load."
    unknown = [m.flags & ~new.map_flags for m in maps if new.map_flags and m.flags & ~new.map_flags]
    if unknown:
        text = "Leave out the flags that the kernel does not know: bpf_map__set_map_flags() before the load."
    return _adjusted(text, maps[0].name if maps else "", unknown[0] if unknown else 0)


def _adjusted(text: str, map_name: str, flags: int) -> Remedy:
    """A map that is left out, or made without flags where some are named."""
    try:
        called = name(map_name)
        act = "bpf_map__set_autocreate(map, false)"
        if flags:
            act = f"bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~{flags:#x}u)"
        lines = [
            comment("Call it between bpf_object__open() and bpf_object__load(), on kernels that refuse the map."),
            f"int adjust_{called}(struct bpf_object *obj)",
            "{",
            f'\tstruct bpf_map *map = bpf_object__find_map_by_name(obj, "{called}");',
            "",
            f"\treturn map ? {act} : -ENOENT;",
            "}",
        ]
        return Remedy(text, caption=f"{called} where the kernel refuses it", loader=snippet(HEADERS, "\n".join(lines)))
    except NoCodeError:
        return Remedy(text)


def owner_remedy(subject: Subject, finding: Finding) -> Remedy:
    """One prog array for each kind of program that uses it."""
    text = "Give each kind of program a prog array of its own: a prog array belongs to the first program that uses it."
    arrays = [m for m in subject.object.maps.values() if m.type == MAP_TYPE_PROG_ARRAY and m.named]
    kinds = dict.fromkeys(p.section.kind.partition(".")[0] + p.section.kind.partition(".")[2] for p in
                          subject.object.programs if p.section.prog_type)  # fmt: skip
    try:
        if not arrays:
            raise NoCodeError(finding.name)
        first = arrays[0]
        parts = [
            "struct {\n\t__uint(type, BPF_MAP_TYPE_PROG_ARRAY);\n"
            f"\t__uint(max_entries, {max(first.max_entries, 1)});\n\t__type(key, __u32);\n\t__type(value, __u32);\n"
            f'}} {word(first.name, kind)} SEC(".maps");'
            for kind in list(kinds)[:8]
        ]
        return Remedy(text, snippet(*parts), caption=f"{first.name}, one for each kind of program")
    except NoCodeError:
        return Remedy(text)


def sleepable_remedy(subject: Subject, program: Program) -> Remedy:
    """The same hook without sleeping."""
    section = program.section
    plain = section.kind.removesuffix(".s")
    text = f'Use SEC("{plain}/...") where the kernel lets no program sleep at this hook, without helpers that sleep.'
    try:
        where = f"{plain}/{target(section.target)}" if section.target else plain
        called = name(program.name)
        body = f"{{\n\t/* the body of {called}, without helpers and kfuncs that sleep */\n\treturn 0;\n}}"
        code = f'SEC("?{where}")\nint {called}_atomic(void *ctx)\n{body}'
        return Remedy(text, code, caption=f"{called} without sleeping")
    except NoCodeError:
        return Remedy(text)


def type_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A program left out where the kernel does not know its type."""
    program = subject.program
    text = "Switch the program off on kernels that do not know its type or attach type."
    if program is None or not program.section.prog_type:
        return Remedy(text)
    try:
        kind = f"BPF_PROG_TYPE_{name(program.section.prog_type)}"
        attach, probe = program.section.attach_type, f"libbpf_probe_bpf_prog_type({kind}, NULL) == 1"
        if attach and attach in (finding.name, finding.about.attach_type):
            probe = f'enumerator(btf, "bpf_attach_type", "BPF_{name(attach)}")'
        called = name(program.name)
    except NoCodeError:
        return Remedy(text)
    needs = _ENUMERATOR if probe.startswith("enumerator") else ""
    lines = [
        comment("Call it between bpf_object__open() and bpf_object__load()."),
        f"int choose_{called}(struct bpf_object *obj)",
        "{",
        f'\tstruct bpf_program *prog = bpf_object__find_program_by_name(obj, "{called}");',
        *(["\tstruct btf *btf = btf__load_vmlinux_btf();"] if needs else []),
        "\tint err = -ENOENT;",
        "",
        "\tif (prog)",
        f"\t\terr = bpf_program__set_autoload(prog, {probe});",
        *(["\tbtf__free(btf);"] if needs else []),
        "\treturn err;",
        "}",
    ]
    return Remedy(text, caption=f"Loads {called} where it can be", loader=snippet(HEADERS, needs, "\n".join(lines)))


_ENUMERATOR = """\
static bool enumerator(const struct btf *btf, const char *name, const char *value)
{
	int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_ENUM) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	int i;

	for (i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), value))
			return true;
	return false;
}"""


def struct_ops_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A table without the members that the kernel's type lacks, as a flavour of the type."""
    text = "Clear the member before the load where the kernel's type lacks it, or fill in a flavour of the type "
    text += "without it."
    ops = next((o for o in subject.object.struct_ops if o.kernel_type == finding.name.partition(".")[0]), None)
    found = kernel_type(subject.new, ops.kernel_type) if ops is not None else None
    if ops is None or found is None:
        text = f"A kernel without struct_ops type {finding.name.partition('.')[0]} takes no such table: leave "
        text += f"{ops.name if ops is not None else 'the map'} out there with bpf_map__set_autocreate()."
        return _left_out(text, ops.name if ops is not None else "")
    there = {m.name for m in found.blob.members(found.type)}
    kept = [m for m in ops.members if m.program and m.member.name in there]
    try:
        if not kept:
            raise NoCodeError(ops.name)
        made = f"{name(ops.kernel_type)}___kept"
        members = "".join(f"\tvoid *{name(m.member.name)};\n" for m in kept)
        values = "".join(f"\t.{name(m.member.name)} = (void *){name(m.program)},\n" for m in kept)
        declared = "".join(f"int {name(n)}(unsigned long long *ctx);\n" for n in dict.fromkeys(m.program for m in kept))
        note = comment("The programs are those of this file; leave these declarations out where they stand above.")
        section = ".struct_ops.link" if ops.link else ".struct_ops"
        table = f'SEC("{section}")\nstruct {made} {name(ops.name)}_kept = {{\n{values}}};'
        code = snippet(f"struct {made} {{\n{members}}};", note + "\n" + declared, table)
        return Remedy(text, code, caption=f"{ops.name} without what the kernel lacks")
    except NoCodeError:
        return Remedy(text)


def table_remedy(subject: Subject, program: Program) -> Remedy:
    """A table that no kernel without trampolines takes."""
    tables = [ops.name for ops, _ in uses(subject.new, program)]
    text = (
        f"A kernel without trampolines takes no struct_ops table: leave {' and '.join(tables) or 'the map'} out there "
    )
    return _left_out(f"{text}with bpf_map__set_autocreate().", tables[0] if tables else "")


def _left_out(text: str, called: str) -> Remedy:
    try:
        lines = [
            comment("Call it between bpf_object__open() and bpf_object__load(), on kernels without the type."),
            f"int leave_out_{name(called)}(struct bpf_object *obj)",
            "{",
            f'\tstruct bpf_map *map = bpf_object__find_map_by_name(obj, "{called}");',
            "",
            "\treturn map ? bpf_map__set_autocreate(map, false) : -ENOENT;",
            "}",
        ]
        return Remedy(text, caption=f"Leaves {called} out", loader=snippet(HEADERS, "\n".join(lines)))
    except NoCodeError:
        return Remedy(text)


def option_text(kernel: Kernel, finding: Finding) -> str:
    """What a distribution can do about an option that is off."""
    if options := finding.about.options:
        return f"Build the kernel with {', '.join(options)}; no code of the program can replace it."
    if finding.kind is NeedKind.JIT:
        lacks = f"The JIT of {kernel.arch} does not support {finding.name}"
        return f"{lacks}: leave the program out there, or build it without."
    return ""
