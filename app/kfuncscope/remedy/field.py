# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fields that moved, changed or went: both layouts read by one function (R-3.3..R-3.5, R-7.8, R-12.17)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.instructions import LDX
from kfuncscope.bpf.object import Function
from kfuncscope.btf.blob import Blob, essential_name
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import gone, known
from kfuncscope.model.verdict import Candidate, Finding, Remedy
from kfuncscope.remedy.ctext import NoCodeError, comment, series, snippet, word
from kfuncscope.remedy.flavour import Flavour, flavour
from kfuncscope.remedy.replacements.fields import FieldPlace, replaced_fields
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.core.spec import Spec, SpecError, parse_spec, spec_text

READ_ONE = "test with bpf_core_field_exists() and read the one that the kernel has"
GUARD = (
    "Test {} with bpf_core_field_exists() before the access, and declare the layout of each kernel as a flavour of the"
)


class Access(NamedTuple):
    """How a program reaches a field: by a load of its own, or through bpf_probe_read_kernel()."""

    spec: Spec
    direct: bool


def field_remedy(subject: Subject, finding: Finding) -> Remedy:
    """Both layouts in one function, each with its test."""
    found = _access(subject, finding)
    if found is None:
        return Remedy(f"{GUARD.format('the field')} struct.")
    spec, direct = found
    places = replaced_fields(spec, subject.old.kernel, subject.new.kernel)
    candidates = tuple(Candidate(p.name, p.reason) for p in places)
    text = f"{GUARD.format(spec_text(spec))} struct."
    if candidates:
        text = f"{candidates[0].name} replaces {spec_text(spec)} ({candidates[0].reason}): {READ_ONE}."
        if candidates[0].name == spec_text(spec):
            text = f"{candidates[0].name} has another type ({candidates[0].reason}): {READ_ONE}."
    told = _told_gone(spec)
    if told and not candidates:
        text = f"{told} {text}"
    place = places[0] if places and _same_struct(spec, places[0]) else None
    if places and place is None and told:
        text = f"{told} Read it there where the old one is not."
    elif places and place is None:
        text = f"It moved to {candidates[0].name} ({candidates[0].reason}): read it there where the old one is not."
    if candidates and not told and (advice := _advice(spec)):
        text = f"{text} {advice}"
    try:
        code = field_code(spec, place, subject.old.kernel, subject.new.kernel, direct)
    except NoCodeError:
        return Remedy(text, candidates=candidates)
    return Remedy(text, code, caption=f"Reads {spec_text(spec)} on both kernels", candidates=candidates)


def _same_struct(spec: Spec, place: FieldPlace) -> bool:
    """Whether a place is in the struct that the program has a pointer to."""
    if place.path:
        return False
    one, other = (essential_name(s.blob.name(s.root)) for s in (spec, place.spec))
    return one == other


def _access(subject: Subject, finding: Finding) -> Access | None:
    """The access of the finding's first site, as the old kernel resolves it or as the program declares it."""
    for function, index in subject.places(finding):
        position = function.core.get(index)
        if position is None:
            continue
        relo = function.relos[position][1]
        reloc = subject.old.relocs(function).get(index)
        if reloc is not None and reloc.target is not None:
            return Access(reloc.target, _loads(function, index))
        btf = subject.old.obj.btf
        try:
            return Access(parse_spec(btf, relo), _loads(function, index)) if btf is not None else None
        except SpecError:
            return None
    return None


def _told_gone(spec: Spec) -> str:
    """What is known of a field that nothing took the place of: of the innermost member that the list names."""
    owner = essential_name(spec.blob.name(spec.root))
    told = ""
    for step in spec.steps[1:]:
        if step.name:
            inner = essential_name(spec.blob.name(step.type))
            told = gone("field", f"{inner or owner}.{step.name}") or gone("field", f"{owner}.{step.name}") or told
    return told


def _advice(spec: Spec) -> str:
    """What the list says that a program can do about a field that has a successor, beside reading that."""
    owner = essential_name(spec.blob.name(spec.root))
    rows = [known("field", f"{owner}.{step.name}") for step in spec.steps[1:] if step.name]
    return next((row.do for row in rows if row is not None and row.do), "")


def _unlike(one: Flavour, other: Flavour) -> bool:
    """Whether a cast from one member's type to the other's would make a pointer of something else."""
    if not one.value.endswith("*") and not other.value.endswith("*"):
        return False
    return essential_name(one.value.rstrip(" *")) != essential_name(other.value.rstrip(" *"))


def _loads(function: Function, index: int) -> bool:
    return function.insns[index].op & 7 == LDX


def field_code(spec: Spec, place: FieldPlace | None, old: Kernel, new: Kernel, direct: bool) -> str:
    """The function with what it needs. Raises NoCodeError."""
    before = flavour(spec, _blob(new, spec.blob), "old")
    after = None
    if place is not None:
        try:
            after = flavour(place.spec, _blob(old, place.spec.blob), "new")
        except NoCodeError:
            after = None
    if after is not None and (after.kind == "whole") != (before.kind == "whole"):
        after, place = None, None  # one is a number, the other is not: no function returns both
    unlike = place.spec if place is not None and after is not None and _unlike(before, after) else None
    if unlike is not None:
        after = None
    if after is not None and (after.path, after.kind, after.value) == (before.path, before.kind, before.value):
        after = None  # only its place is another, which libbpf takes care of
    lines = dict.fromkeys([*before.lines, *(after.lines if after is not None else ())])
    whole = before.kind == "whole"
    names = [spec.blob.name(spec.root), *(s.name for s in spec.steps)]
    called = word("copy" if whole else "read", *names)
    taken = "obj"
    head = f"{before.value}{'' if before.value.endswith('*') else ' '}{called}(const void *{taken})"
    if whole:
        head = f"long {called}(void *dst, __u32 size, const void *{taken})"
    body = [f"\tconst {before.root} *old = {taken};"]
    body += [f"\tconst {after.root} *new = {taken};"] if after is not None else []
    body += ["", f"\tif (bpf_core_field_exists(old->{before.path}))", f"\t\treturn {_read(before, 'old', direct)};"]
    if after is not None:
        cast = f"({before.value})" if after.value != before.value and not whole else ""
        body += [f"\tif (bpf_core_field_exists(new->{after.path}))", f"\t\treturn {cast}{_read(after, 'new', direct)};"]
    if unlike is not None:
        body += [f"\t{comment(f'{spec_text(unlike)} is there, of another type: read it as what it is')}"]
    nothing = "-1" if whole else "0"
    body += [f"\treturn {nothing}; {comment('no such field in this kernel: what the program does without it')}"]
    function = "\n".join([f"static __always_inline {head}", "{", *body, "}"])
    now = "not there" if place is None else "at another offset"
    if place is not None and (after is not None or unlike is not None):
        now = spec_text(place.spec)
    told = comment(f"{spec_text(spec)} in {series(old)}, {now} in {series(new)}.")
    return snippet("\n".join(lines), f"{told}\n{function}")


def _blob(kernel: Kernel, blob: Blob) -> Blob | None:
    """The BTF of vmlinux on the other side, whose types decide what can be named."""
    return kernel.vmlinux


def _read(field: Flavour, pointer: str, direct: bool) -> str:
    if field.kind == "bits":
        reader = "BPF_CORE_READ_BITFIELD" if direct else "BPF_CORE_READ_BITFIELD_PROBED"
        return f"{reader}({pointer}, {field.path})"
    if field.kind == "whole":
        return f"bpf_core_read(dst, size, &{pointer}->{field.path})"
    return f"{pointer}->{field.path}" if direct else f"BPF_CORE_READ({pointer}, {field.path})"


def width_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A read that takes as many bytes as the kernel's field has (R-3.13)."""
    text = "Read the field with BPF_CORE_READ_BITFIELD_PROBED(), which takes as many bytes as the kernel's field has."
    found = _access(subject, finding)
    if found is None:
        return Remedy(text)
    try:
        one = flavour(found.spec, subject.new.kernel.vmlinux, "any")
        names = [found.spec.blob.name(found.spec.root), *(s.name for s in found.spec.steps)]
        called = word("read", *names)
    except NoCodeError:
        return Remedy(text)
    reader = "BPF_CORE_READ_BITFIELD" if found.direct else "BPF_CORE_READ_BITFIELD_PROBED"
    lines = [
        f"static __always_inline __u64 {called}(const void *obj)",
        "{",
        f"\tconst {one.root} *any = obj;",
        "",
        f"\treturn {reader}(any, {one.path});",
        "}",
    ]
    code = snippet("\n".join(one.lines), "\n".join(lines))
    return Remedy(text, code, caption=f"Reads {spec_text(found.spec)} whatever its size")


def size_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A test for a type before its size is used (R-3.5)."""
    called = finding.name.rpartition(" ")[2]
    text = f"Test with bpf_core_type_exists({finding.name}) before the size is used."
    try:
        flavour_name = f"struct {word(called)}___any"
        lines = [
            f"{flavour_name} {{\n}};\n",
            f"static __always_inline bool {word('has', called)}(void)",
            "{",
            f"\treturn bpf_core_type_exists({flavour_name});",
            "}",
        ]
    except NoCodeError:
        return Remedy(text)
    if not finding.name.startswith("struct "):
        return Remedy(text)
    return Remedy(text, "\n".join(lines), caption=f"Whether the kernel has {finding.name}")
