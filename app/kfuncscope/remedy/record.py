# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records of trace events: members read by CO-RE in place of fixed offsets (R-7.8, R-12.8, R-12.9)."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.model.verdict import Candidate, Finding, Remedy
from kfuncscope.remedy.ctext import NoCodeError, comment, name, series, snippet, word
from kfuncscope.remedy.field import field_code
from kfuncscope.remedy.flavour import flavour
from kfuncscope.remedy.replacements.fields import FieldPlace
from kfuncscope.remedy.replacements.members import find
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.core.spec import Accessor, Spec, spec_text
from kfuncscope.rules.hooks.records import SYSCALLS, event_struct, record_of, relocated_loads

TEXT = "Read the member through struct trace_event_raw_* with CO-RE, not at a fixed offset"
AFTER = "the text is now stored after the record"


def record_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A function that finds the member of the record wherever the kernel has it."""
    program = subject.program
    if program is None:
        return Remedy(f"{TEXT}.")
    system, _, event = program.section.target.partition("/")
    if system == SYSCALLS:
        which = "syscall_trace_enter" if event.startswith("sys_enter_") else "syscall_trace_exit"
        return Remedy(
            f"Read the record through struct {which} with CO-RE: that is what programs on {system}/* are given."
        )
    old, new = event_struct(subject.old.kernel, event), event_struct(subject.new.kernel, event)
    member = _member(subject, finding)
    if old is None or new is None or not member:
        return Remedy(f"{TEXT}.")
    before, after, string = _spec(*old, member), _spec(*new, member), False
    if after is None:
        after, string = _spec(*new, f"__data_loc_{member}"), True
    if before is None:
        return Remedy(f"{TEXT}.")
    text = f"Read {member} through struct {before.blob.name(before.root)} with CO-RE, not at a fixed offset."
    shown: tuple[Candidate, ...] = ()
    if after is not None:
        reason = AFTER if string else "the same member at another offset"
        shown = (Candidate(spec_text(after), reason),)
    try:
        if string and after is not None:
            code = _string_code(subject, before, after)
        else:
            place = FieldPlace(after, "") if after is not None else None
            code = field_code(before, place, subject.old.kernel, subject.new.kernel, direct=True)
    except NoCodeError:
        return Remedy(text, candidates=shown)
    return Remedy(text, code, caption=f"Reads {member} of {event} on both kernels", candidates=shown)


def text_remedy(subject: Subject, finding: Finding) -> Remedy | None:
    """A text that a record held and that ``__data_loc`` now points to, read by CO-RE; None where it is not so."""
    struct, _, member = finding.name.removeprefix("struct ").partition(".")
    specs = []
    for kernel, wanted in ((subject.old.kernel, member), (subject.new.kernel, f"__data_loc_{member}")):
        found = next(((blob, i) for _, blob, i in kernel.types(struct, Kind.STRUCT)), None)
        specs.append(_spec(*found, wanted) if found is not None else None)
    if specs[0] is None or specs[1] is None:
        return None
    shown = (Candidate(spec_text(specs[1]), AFTER),)
    text = f"{shown[0].name} replaces {finding.name}: its low 16 bits are the offset of the text, stored after the "
    text += "record."
    try:
        code = _string_code(subject, specs[0], specs[1])
    except NoCodeError:
        return Remedy(text, candidates=shown)
    return Remedy(text, code, caption=f"Reads {member} on both kernels", candidates=shown)


def _member(subject: Subject, finding: Finding) -> str:
    """The member that the finding is about: the one at the place that its first site, or the last load, reads."""
    program = subject.program
    assert program is not None
    record = record_of(subject.old.kernel, program)
    if record is None:
        return ""
    loads = relocated_loads(subject.old, program)
    sites = {(f.name, i) for f, i in subject.places(finding)}
    chosen = [x for x in loads if (x.function.name, x.at) in sites] or sorted(loads, key=lambda x: x.offset)[-1:]
    field = record.at(chosen[0].offset) if chosen else None
    return field.name if field is not None else ""


def _spec(blob: Blob, struct: int, member: str) -> Spec | None:
    found = find(blob, struct, member)
    if found is None:
        return None
    holder, index, one = found
    return Spec(blob, struct, (Accessor(struct, 0, ""), Accessor(holder, index, one.name)), one.bit_offset)


def _string_code(subject: Subject, before: Spec, after: Spec) -> str:
    """A text that was in the record and is after it now: ``__data_loc`` holds its place and length."""
    old, new = subject.old.kernel, subject.new.kernel
    one, other = flavour(before, new.vmlinux, "old"), flavour(after, old.vmlinux, "new")
    called = word("copy", before.blob.name(before.root), name(before.steps[-1].name))
    lines = [
        comment(f"{spec_text(before)} in {series(old)}, after the record in {series(new)}."),
        f"static __always_inline long {called}(void *dst, __u32 size, const void *ctx)",
        "{",
        f"\tconst {one.root} *old = ctx;",
        f"\tconst {other.root} *new = ctx;",
        "",
        f"\tif (bpf_core_field_exists(new->{other.path}))",
        f"\t\treturn bpf_probe_read_kernel_str(dst, size, ctx + (new->{other.path} & 0xffff));",
        f"\treturn bpf_core_read_str(dst, size, &old->{one.path});",
        "}",
    ]
    return snippet("\n".join(dict.fromkeys([*one.lines, *other.lines])), "\n".join(lines))
