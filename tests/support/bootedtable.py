# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies in booted kernels: what was built with each remedy applied is loaded by the old kernel and by the new one.

``python -m support.bootedtable OLD:NEW FOLDER FOLDER [GUEST]`` takes a pair of the corpus (KFUNCSCOPE_CORPUS), two
folders with the packages of kernels of the same releases, which QEMU boots, and one with packages for the guest.

Programs that the old kernel refuses, and the new one, too, as is predicted, are no matter of an upgrade: the object's
own loader leaves them out of both, and so does the table, which names them.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.proof import ObjectProof
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import prove
from kfuncscope.prove.setup import ObjectSetup, Setup
from kfuncscope.storage.files import ObjectFile
from support.applied import Built, Sides, Way, apply, chosen_of, judged_once
from support.remedytable import code_of, objects, placed, source, verdicts
from support.snippets import Compiler

SIDES = ("old", "new")


@dataclass(slots=True)
class Case:
    """One applied remedy: the objects that it is in, by their names in the guest.

    ``chosen`` are the programs that its C for the loader switches on and off.
    """

    code: str
    way: Way
    where: str
    limited: bool
    chosen: tuple[str, ...] = ()
    objects: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Cases:
    """All applied remedies of a pair; each object once, however many remedies made it."""

    made: dict[str, Built] = field(default_factory=dict)
    listed: list[Case] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)

    def add(self, case: Case, built: tuple[Built, ...]) -> None:
        """Take in one remedy with what was built of it."""
        for one in built:
            name = f"{hashlib.sha256(one.data + repr(one.chosen).encode()).hexdigest()[:12]}.bpf.o"
            self.made[name] = one
            case.objects.append(name)
        self.listed.append(case)


def cases(old: str, new: str, opened: tuple[Kernel, Kernel]) -> Cases:
    """Apply every remedy of a pair that has something to paste, as the kernels' packages have it: their images tell
    what ftrace can patch."""
    sides = Sides(*opened, (Compiler(opened[0]), Compiler(opened[1])))
    held, found = dict(objects(new.partition("-")[2])), Cases()
    for verdict in verdicts(old, new, opened):
        loaders: list[Case] = []
        left: list[Built] = []
        for program, section, finding in placed(verdict):
            one = apply(held[verdict.object], source(verdict.object), program, finding, sides)
            where = f"{verdict.object} {program} [{section}]: {finding.name}"
            chosen = chosen_of(finding.remedy.loader) if finding.remedy else []
            case = Case(code_of(finding), one.way, where, one.limited, tuple(chosen))
            if one.way is Way.TEXT:
                continue
            if not one.ok or not one.built:
                found.not_applied.append(f"{case.code} {one.way}: {where}: {one.why or 'maps only'}")
            elif one.way is Way.LOADER:  # the C of all findings of an object stands in one loader
                loaders.append(case)
                left += one.built
            else:
                found.add(case, one.built)
        if left:
            on = tuple(tuple(n for n in one[0] if all(n in other for other in one)) for one in _by_side(left))
            for case in loaders:
                found.add(case, (Built(left[0].data, on),))
    return found


def _by_side(built: list[Built]) -> Iterator[list[tuple[str, ...]]]:
    for side in range(len(SIDES)):
        yield [one.chosen[side] for one in built]


def packages_of(folder: str) -> tuple[str, ...]:
    """The packages in a folder."""
    return tuple(str(p) for p in sorted(Path(folder).glob("*.deb")))


def opened_from(folder: str) -> Kernel:
    """The kernel of the packages in a folder."""
    (files,) = kernel_files([Path(p) for p in packages_of(folder)])
    return open_kernel(files)


def booted(found: Cases, side: int, packages: tuple[str, ...], guest: tuple[str, ...]) -> dict[str, ObjectProof]:
    """What one kernel did with every object. Programs that do not count on it are switched off."""
    (files,) = kernel_files([Path(p) for p in packages])
    setup = Setup(tuple((name, ObjectSetup(dict.fromkeys(one.chosen[side], True) | {"*": False}))
                        for name, one in found.made.items() if one.chosen[side]))  # fmt: skip
    given = [
        ObjectFile(name, one.data, hashlib.sha256(one.data).hexdigest(), ())
        for name, one in found.made.items()
        if one.chosen[side]
    ]
    subject = prove.prepare(open_kernel(files), packages, given, prove.Options("tcg", guest=guest, setup=setup))
    proof = prove.run(subject)
    print(proof.uname, f"{proof.seconds} s", *proof.notes, sep="; ", file=sys.stderr)
    return {one.object: one for one in proof.objects}


def leave_out(found: Cases, before: dict[str, ObjectProof], new: Kernel) -> list[str]:
    """Switch off on the new kernel what the old one refused and the new one is to refuse, too; the programs are named.

    Not those that a remedy switches: they are to be right. What loads on the new kernel against the prediction does not
    hide anything, and what does not load there against it still fails the object.
    """
    switched = {(name, one) for case in found.listed for name in case.objects for one in case.chosen}
    told = []
    objects_of = {n: case.where.split()[0] for case in found.listed if case.way is Way.LOADER for n in case.objects}
    for name, title in objects_of.items():
        one = found.made[name]
        refused_before = {p.program for p in before[name].programs if p.seen_loads is Tri.NO}
        lacking = {j.program.name for j in judged_once(one.data, new).programs if j.loads is Tri.NO}
        off = [p for p in one.chosen[1] if p in refused_before & lacking and (name, p) not in switched]
        if len(off) == len(one.chosen[1]):
            continue  # nothing would be left to load
        kept = tuple(p for p in one.chosen[1] if p not in off)
        found.made[name] = Built(one.data, (one.chosen[0], kept))
        told += [f"off on both: {title} {p}" for p in off]
    return told


def refused(proof: ObjectProof, case: Case, side: int, chosen: tuple[str, ...]) -> str:
    """What a kernel did not take of an object; empty where it took all that counts.

    What a loader leaves in counts as a whole on the new kernel; on the old one, whose lacks are not this remedy's
    matter, the program that it must not leave out, or the one that it puts in its place. Of a pair without a loader's C
    each kernel needs one.
    """
    if case.way is Way.LOADER:
        if side:
            return "" if proof.seen is Tri.YES else f"{proof.failure}: {proof.line}"
        chosen = tuple(name for name in chosen if name in case.chosen)
    said, well = [], False
    for one in proof.programs:
        if one.program not in chosen:
            continue
        if one.seen_loads is not Tri.YES or one.seen_attaches is Tri.NO:
            said.append(f"{one.program} [{one.section}] {one.failure}: {one.line}")
        else:
            well = True
    return "" if well else "; ".join(said) or "no answer"


def main(pair: str, before: str, after: str, guest: str = "") -> int:
    """Print the table, and what is refused."""
    old, new = pair.split(":")
    opened = opened_from(before), opened_from(after)
    found = cases(old, new, opened)
    print(f"{len(found.listed)} applied in {len(found.made)} objects, {len(found.not_applied)} not", file=sys.stderr)
    helpers = packages_of(guest) if guest else ()
    proofs = [booted(found, 0, packages_of(before), helpers)]
    off = leave_out(found, proofs[0], opened[1])
    proofs.append(booted(found, 1, packages_of(after), helpers))
    applied: Counter[tuple[str, Way]] = Counter()
    took: dict[int, Counter[tuple[str, Way]]] = defaultdict(Counter)
    wrong = []
    for case in found.listed:
        key = case.code, case.way
        applied[key] += 1
        for side in range(len(SIDES)):
            said = [refused(proofs[side][name], case, side, found.made[name].chosen[side])
                    for name in case.objects if found.made[name].chosen[side]]  # fmt: skip
            took[side][key] += not any(said)
            wrong += [f"{SIDES[side]}{' (limited)' * case.limited}: {case.code} {case.way}: {case.where}: {s}"
                      for s in said if s]  # fmt: skip
    print(f"{'code':28} {'way':8} {'applied':>8} {'old':>6} {'new':>6}")
    for key in sorted(applied):
        print(f"{key[0]:28} {key[1]:8} {applied[key]:8} {took[0][key]:6} {took[1][key]:6}")
    print(f"{'all':37} {applied.total():8} {took[0].total():6} {took[1].total():6}")
    print("\n".join(dict.fromkeys([*wrong, *off, *(f"not applied: {line}" for line in found.not_applied)])))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
