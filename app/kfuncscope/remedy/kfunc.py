# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kfuncs that are gone, renamed or changed: both declared weak, and the one that exists called (R-2.8..R-2.11)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.flags import remedy_of
from kfuncscope.knowledge.names import gone, last_with
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Candidate, Finding, Remedy
from kfuncscope.remedy.ctext import NoCodeError, Types, comment, name, named, parameters, series, snippet, target, word
from kfuncscope.remedy.replacements.functions import Named, replaced
from kfuncscope.remedy.replacements.likeness import form
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.checks.regions import IRQ, LOCK, PREEMPT, RCU

IMPLICIT = ("__prog", "__ign", "__impl")  # suffixes of arguments that the verifier fills in; callers pass NULL
REGIONS = {RCU: ("bpf_rcu_read_lock", "bpf_rcu_read_unlock"), LOCK: ("bpf_spin_lock", "bpf_spin_unlock"),
           PREEMPT: ("bpf_preempt_disable", "bpf_preempt_enable"),
           IRQ: ("bpf_local_irq_save", "bpf_local_irq_restore")}  # fmt: skip


class Declared(NamedTuple):
    """One prototype: the FUNC in its BTF, and the kernel that it is of (None: the program's own declaration)."""

    name: str
    blob: Blob
    func: int


def kfunc_remedy(subject: Subject, finding: Finding) -> Remedy:
    """Call the one that the kernel has; or, where nothing takes its place, test before the call."""
    called = finding.name
    before = _before(subject, called)
    after, candidates = _after(subject, called)
    shown = tuple(Candidate(c.name, c.reason) for c in candidates)
    if after is None:
        caption = f"Calls {called} where it exists"
        return Remedy(_alone(subject, finding), _guarded(subject, before), caption=caption, candidates=shown)
    text = f"{after.name} replaces {called}: declare both weak and call the one that exists."
    if after.name == called:
        text = (
            f"Declare {called} weak with both prototypes, each under a suffix of its own, and call the one that fits."
        )
    code = ""
    if before is not None:
        try:
            code, told = wrapper(before, after, subject.old.kernel, subject.new.kernel)
            text += told
        except NoCodeError:
            code = ""
    return Remedy(text, code, caption=f"Calls {called} as each kernel has it" if code else "", candidates=shown)


def _alone(subject: Subject, finding: Finding) -> str:
    """What to do about a kfunc that nothing replaces."""
    called = finding.name
    test = f"declare {called} weak and test it with bpf_ksym_exists() before the call"
    if told := gone("kfunc", called):
        return f"{told} D{test[1:]}."
    if finding.failure == Failure.KFUNC_NOT_REGISTERED:
        return f"{called} is no longer a kfunc and no other is known to do its work: {test}."
    if subject.new.kernel.version < subject.old.kernel.version:
        return f"{series(subject.new.kernel)} does not have {called} yet: {test}."
    if last_with(called) is None and not subject.old.kernel.functions(called):
        text = f"No kernel release known to kfuncscope has {called}: load the kernel module that provides it before "
        return f"{text}the object is loaded. Where the module may be absent, {test}."
    return f"No successor is known: {test}."


def _before(subject: Subject, called: str) -> Declared | None:
    for _, blob, func in subject.old.kernel.functions(called):
        return Declared(called, blob, func)
    obj = subject.object
    for extern in obj.externs.values():
        if extern.kind == "kfunc" and extern.lookup == called and obj.btf is not None:
            return Declared(called, obj.btf, extern.type)
    return None


def _after(subject: Subject, called: str) -> tuple[Declared | None, list[Named]]:
    """What to call on the new kernel: the same name with another prototype, the name without _impl, a successor."""
    kernel = subject.new.kernel
    bare = called.removesuffix("_impl")
    if bare != called and kernel.functions(bare):
        found = [Named(bare, "the same kfunc without the argument that the verifier fills in")]
    elif any(kernel.kfunc(module, func) is not None for module, _, func in kernel.functions(called)):
        found = [Named(called, "the same name with another prototype")]
    else:
        found = replaced("kfunc", called, subject.old.kernel, kernel)
    for one in found:
        for _, blob, func in kernel.functions(one.name):
            return Declared(one.name, blob, func), found
    return None, found


def _guarded(subject: Subject, before: Declared | None) -> str:
    """A call that only a kernel with the kfunc makes."""
    if before is None:
        return ""
    try:
        types = Types(before.blob, subject.new.kernel.vmlinux, "old", complete=True)
        made = _Call(types, before, "old")
        value = made.value
        body = [f"\tif (bpf_ksym_exists({made.declared}))"]
        arguments = ", ".join(n for n, _ in made.params)
        if value == "void":
            body += [f"\t\t{made.declared}({arguments});"]
        else:
            body += [f"\t\treturn {made.declared}({arguments});", "\treturn 0;"]
        listed = ", ".join(d for _, d in made.params) or "void"
        function = [f"static __always_inline {_head(value, word('try', before.name))}({listed})", "{", *body, "}"]
        told = comment(f"{before.name} is in {series(subject.old.kernel)} and not in {series(subject.new.kernel)}.")
        return snippet("\n".join(types.lines), made.extern, told + "\n" + "\n".join(function))
    except NoCodeError:
        return ""


class _Call:
    """One kfunc as the snippet declares it."""

    def __init__(self, types: Types, of: Declared, suffix: str) -> None:
        self.declared = f"{name(of.name)}___{suffix}"
        proto = of.blob.ref(of.func)
        self.blob, self.raw = of.blob, [p for p in of.blob.params(proto) if p.type]
        self.params = parameters(types, of.blob.params(proto))
        self.value = types.text(of.blob.ref(proto)) if of.blob.ref(proto) else "void"
        listed = ", ".join(text for _, text in self.params) or "void"
        self.extern = f"extern {_head(self.value, self.declared)}({listed}) __ksym __weak;"


def _head(value: str, called: str) -> str:
    return f"{value}{called}" if value.endswith("*") else f"{value} {called}"


def wrapper(before: Declared, after: Declared, old: Kernel, new: Kernel) -> tuple[str, str]:
    """A function with the parameters of the old kfunc, and what only the new one asks for; and sentences on what the
    caller has to see to, each after a space. Raises NoCodeError."""
    types = (
        Types(before.blob, new.vmlinux, "old", complete=True),
        Types(after.blob, old.vmlinux, "new", complete=True),
    )
    mine, theirs = _Call(types[0], before, "old"), _Call(types[1], after, "new")
    taken, passed, dropped = _passed(mine, theirs)
    added = taken[sum(not p.name.endswith(IMPLICIT) for p in mine.raw) :]
    own = ["(void *)0" if p.name.endswith(IMPLICIT) else n for p, (n, _) in zip(mine.raw, mine.params, strict=True)]
    void = mine.value == "void"
    calls = []
    for call, arguments in ((theirs, passed), (mine, own)):
        made = f"{call.declared}({', '.join(arguments)})"
        less = dropped if call is theirs and not added else []
        if not void and call.value != "void" and call.value != mine.value:
            made = f"({mine.value}){made}"
        if void or call.value == "void":
            body = [f"\t\t{made};", f"\t\treturn{'' if void else ' 0'};"]
        else:
            body = [f"\t\treturn {made};"]
        if less:
            body.insert(0, f"\t\t{comment(f'{named(less)} not passed: return here where the call is not to be made')}")
        braces = (" {", ["\t}"]) if len(body) > 1 else ("", [])
        calls += [f"\tif (bpf_ksym_exists({call.declared})){braces[0]}", *body, *braces[1]]
    end = [] if void else [f"\treturn 0; {comment('neither exists')}"]
    head = f"static __always_inline {_head(mine.value, word('call', before.name))}({', '.join(taken) or 'void'})"
    lines = dict.fromkeys([*types[0].lines, *types[1].lines])
    now = "another prototype" if before.name == after.name else after.name
    told = comment(f"{before.name} in {series(old)}, {now} in {series(new)}.")
    function = "\n".join([head, "{", *calls, *end, "}"])
    said = _said(before.name, after.name, [f"`{one}`" for one in added], dropped)
    return snippet("\n".join(lines), f"{told}\n{mine.extern}\n{theirs.extern}", function), said


def _said(before: str, after: str, added: list[str], dropped: list[str]) -> str:
    """What the caller of the wrapper has to see to, after a space; empty where both kfuncs take the same."""
    other = "the new prototype" if before == after else after
    if added and dropped:
        text = f"{other} takes {' and '.join(added)} in place of {' and '.join(dropped)}: the wrapper is passed both"
    elif added:
        text = f"{other} also takes {' and '.join(added)}: pass it to the wrapper"
    elif dropped:
        text = f"{other} does not take {' and '.join(dropped)}: call it only for what it is meant for"
    else:
        return ""
    return f" {text[0].upper() if before == after else text[0]}{text[1:]}."


def _passed(mine: _Call, theirs: _Call) -> tuple[list[str], list[str], list[str]]:
    """Parameters of the wrapper, what it passes to the new kfunc, and names of those that this does not take."""
    taken, free = [], []
    for param, (called, text) in zip(mine.raw, mine.params, strict=True):
        if not param.name.endswith(IMPLICIT):
            taken.append(text)
            free.append((called, param.name, form(mine.blob, param.type), text))
    names = {n for n, *_ in free}
    passed = []
    for param, (called, text) in zip(theirs.raw, theirs.params, strict=True):
        if param.name.endswith(IMPLICIT):
            passed.append("(void *)0")
            continue
        want = form(theirs.blob, param.type)
        fits = [f for f in free if f[1] == param.name and f[2] == want] or [f for f in free if f[2] == want]
        if fits:
            one = fits[0]
            free.remove(one)
            passed.append(f"(void *){one[0]}" if want.startswith("*") and one[3] != text else one[0])
            continue
        while called in names:
            text, called = text.replace(called, f"{called}_new"), f"{called}_new"
        names.add(called)
        taken.append(text)
        passed.append(called)
    return taken, passed, [called for called, *_ in free]


def not_allowed_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A kfunc that is there, and not for this program, or not at this place in it."""
    program, called = subject.program, finding.name
    if finding.about.region:
        return region_remedy(finding)
    if "R-12.31" in finding.rules:
        return Remedy(
            f"Call bpf_rcu_read_lock() before the pointer is read from the map, and bpf_rcu_read_unlock() after the "
            f"call of {called}()."
        )
    if "R-4.5" in finding.rules and program is not None and program.section.kind in SLEEPABLE_TWINS:
        return sleepable_twin(program, called)
    kernel = subject.new.kernel
    found = [k for m, _, f in kernel.functions(called) if (k := kernel.kfunc(m, f)) is not None]
    types = ", ".join(sorted(found[0].prog_types)) if found and found[0].prog_types else ""
    more = f": {types}" if types else ""
    return Remedy(f"Call {called} from a program of a type that may have it{more}; leave the call out elsewhere.")


def sleepable_twin(program: Program, called: str) -> Remedy:
    """The same hook in a section whose programs may sleep; ``called`` is what sleeps."""
    kind = f"{program.section.kind}.s"
    text = f'Use SEC("{kind}/...") for {program.name}: {called} may sleep.'
    try:
        where = f"{kind}/{target(program.section.target)}" if program.section.target else kind
        body = f"{{\n\t/* the body of {name(program.name)} */\n\treturn 0;\n}}"
        code = f'SEC("{where}")\nint {name(program.name)}(void *ctx)\n{body}'
    except NoCodeError:
        return Remedy(text)
    return Remedy(text, code, caption=f"{program.name} where it may sleep")


def region_remedy(finding: Finding) -> Remedy:
    """A call that is not allowed between two others, such as bpf_spin_lock() and bpf_spin_unlock()."""
    begin, end = REGIONS[finding.about.region.partition(",")[0]]
    return Remedy(f"Call {finding.name}() before {begin}() or after {end}(), not between them.")


def prototype_remedy(subject: Subject, finding: Finding) -> Remedy:
    """R-4.7: a change of the prototype that libbpf lets pass, so that no test for the kfunc tells the two apart."""
    called = finding.name
    text = (
        f"libbpf takes {called} with either prototype, so bpf_ksym_exists() cannot distinguish them: pass values that "
    )
    return Remedy(f"{text}fit both, and use of what it returns only what both give.")


def flags_remedy(subject: Subject, finding: Finding) -> Remedy:
    """What a caller has to do for a flag, or an argument's suffix, that the kfunc gained or lost."""
    called = finding.name
    text = remedy_of("gained", finding.about.gained) or remedy_of("lost", finding.about.lost)
    if text:
        return Remedy(text.format(name=called))
    return Remedy(f"Pass {called} no NULL in an argument whose name no longer ends in __nullable, __opt or __ign.")


SLEEPABLE_TWINS = frozenset({"fentry", "fexit", "fmod_ret", "lsm", "iter", "uprobe", "uretprobe", "usdt", "struct_ops"})
