# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One kernel and what it offers to programs: types, kfuncs, helpers, hooks, struct_ops, program and map types."""

from __future__ import annotations

import re
from functools import cached_property, reduce
from operator import or_

from kfuncscope.arch import arch_named, arch_record, known_arches
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.errors import InputError, KernelError
from kfuncscope.kernel.binary.btfids import KfuncSet, kfunc_sets, sets_in_module
from kfuncscope.kernel.binary.hooksets import PREFIX, LsmHooks, named_hooks
from kfuncscope.kernel.binary.image_facts import NOTHING, ImageFacts, image_facts
from kfuncscope.kernel.binary.listed import NOTHING as NO_LISTS
from kfuncscope.kernel.binary.listed import Listed, listed
from kfuncscope.kernel.binary.null_args import MaybeNull
from kfuncscope.kernel.config import OF_TRACE, TOLD_BY_FUNCTION, WITNESS, parse_config
from kfuncscope.kernel.features import Features, read_features
from kfuncscope.kernel.fingerprint import bracket_release, identify_arch, level_of
from kfuncscope.kernel.kfuncs import Kfunc, KfuncRules, Registry
from kfuncscope.kernel.modules import Modules
from kfuncscope.kernel.opening import kept_symbols, open_symbols, open_vmlinux
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.knowledge.facts import ArchCaps
from kfuncscope.knowledge.knowledge import Knowledge, for_backport, for_release
from kfuncscope.knowledge.levels import level_key, linux_version
from kfuncscope.knowledge.probed import Probed, for_btf
from kfuncscope.storage.files import InputProblem, KernelFiles

WHOLE_KERNEL = 5_000  # functions; the smallest kernel with BTF has some ten thousand
_RELEASE = re.compile(r"(?<![\d.])(\d{1,2}\.\d{1,3}(?:\.\d+)?(?:[-+~.][\w.+~]+)*)")


class Kernel:
    """A kernel made of the parts that were given; what is missing is in ``lacks``, what failed in ``problems``.

    ``bpf_as_of`` is what an earlier opening of the same files found; None where nobody has looked.
    """

    def __init__(
        self,
        files: KernelFiles,
        arch: str | None = None,
        release: str | None = None,
        bpf_as_of: str | None = None,
    ) -> None:
        self.files = files
        self.label = files.label
        self.problems: list[InputProblem] = list(files.problems)
        self.vmlinux = open_vmlinux(files)
        self.config = parse_config(files.config, f"{files.label} config") if files.config else None
        told = identify_arch(self.vmlinux) if self.vmlinux else None
        if arch and arch_named(arch) is None:
            raise KernelError(files.label, f"unknown architecture {arch!r}; known are {', '.join(known_arches())}")
        arch = arch_named(arch) if arch else None
        self.arch = arch or told or files.arch or ""
        if not self.arch:
            raise KernelError(files.label, "the architecture cannot be detected from these files; set it with --arch")
        if self.vmlinux and arch and told and told != arch:
            raise KernelError(files.label, f"given as {arch}, but its types are of {told}")
        self.modules = Modules(files.modules, self.vmlinux, files.module_search)
        self.release = release or files.release or self._release_from_label() or ""
        self.release_source = "given" if release else "files" if self.release else ""
        self.release_inferred = False  # from its types, where nothing names the release
        self.linux, self.linux_source = self._linux_version(release)
        self.unnumbered = files.unnumbered and not release  # libbpf finds no version
        if not self.release and self.vmlinux:
            bracket = bracket_release(self.vmlinux, set(self.attach_types) | set(self.map_types.values()))
            if bracket:
                self.release, self.release_source = bracket[0], f"types (below {bracket[1] or 'any later'})"
                self.linux, self.linux_source = bracket[0], "types"
                self.release_inferred = True
        self.bpf_as_of = self._backported() if bpf_as_of is None else bpf_as_of
        self.knowledge: Knowledge = (
            for_backport(self.bpf_as_of, self.linux) if self.bpf_as_of else for_release(self.linux or None)
        )
        self._module_registries: dict[str, Registry] = {}

    def _release_from_label(self) -> str | None:
        found = _RELEASE.search(self.label)
        return found[1] if found else None

    def _backported(self) -> str:
        """The release of which a distribution's kernel has the BPF by backports; empty where that is its own."""
        if self.vmlinux is None or not self.linux:
            return ""
        names = {*self.attach_types, *self._enum("bpf_map_type"), *self._enum("bpf_prog_type")}
        return level_of(self.vmlinux, names, (level_key(self.linux) or ())[:2])[0]

    def _linux_version(self, given: str | None) -> tuple[str, str]:
        """The version of Linux that this kernel was made from, and where that is told (R-12.21).

        x.y.z, or only x.y where all that is known is a release that names an ABI.
        """
        if given is None and self.files.version:
            return self.files.version, self.files.version_source
        told = linux_version(self.release)
        series = re.match(r"\d+\.\d+", self.release)
        return (told or series[0], "release") if series else ("", "")

    @cached_property
    def symbols(self) -> Symbols | None:
        """The symbol list that was given, else the one inside the image; None where there is neither."""
        if self.files.held("symbols"):
            return open_symbols(self.files, f"{self.label} symbols")
        if self.files.kallsyms is None:
            return None
        try:
            return kept_symbols(self.files.kallsyms, self.files.image_sha256 or "", f"{self.label} kallsyms")
        except InputError as error:
            self.problems.append(InputProblem(error.source, error.reason, error.offset))
            return None

    @cached_property
    def version(self) -> tuple[int, int]:
        """Version of Linux whose BPF this is, as (major, minor); (0, 0) when it is not known."""
        found = re.match(r"(\d+)\.(\d+)", self.bpf_as_of or self.linux)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def lacks(self) -> list[str]:
        """The parts that were not given, in words."""
        parts = {"BTF": self.vmlinux, "config": self.config, "symbols": self.symbols}
        return [n for n, part in parts.items() if part is None] + ([] if self.modules_given else ["module BTF"])

    @property
    def modules_given(self) -> bool:
        """Whether its modules are at hand: some were given, or the config says that it can have none (R-12.13)."""
        return bool(len(self.modules)) or (self.config is not None and self.config.denies("CONFIG_MODULES"))

    def _enum(self, name: str) -> dict[str, int]:
        if self.vmlinux is None:
            return {}
        for kind in (Kind.ENUM, Kind.ENUM64):
            for enum in self.vmlinux.find(name, kind):
                return {e.name: e.value for e in self.vmlinux.enumerators(enum)}
        return {}

    @cached_property
    def helpers(self) -> dict[int, str]:
        """Helper number → name without ``BPF_FUNC_`` (R-6.1)."""
        found = self._enum("bpf_func_id")
        return {v: n.removeprefix("BPF_FUNC_") for n, v in found.items() if not n.startswith("__")}

    @cached_property
    def prog_types(self) -> frozenset[str]:
        """Program types without their prefix."""
        return frozenset(n.removeprefix("BPF_PROG_TYPE_") for n in self._enum("bpf_prog_type"))

    @cached_property
    def attach_types(self) -> frozenset[str]:
        """Attach types, with their prefix ``BPF_``."""
        return frozenset(self._enum("bpf_attach_type"))

    @cached_property
    def map_types(self) -> dict[int, str]:
        """Map type number → full name; the deprecated twins of one number keep the first."""
        found: dict[int, str] = {}
        for name, value in self._enum("bpf_map_type").items():
            if not name.startswith("__"):
                found.setdefault(value, name)
        return found

    @cached_property
    def map_flags(self) -> int:
        """Every flag with which this kernel creates maps, together; 0 where its types do not tell (R-7.15)."""
        blob = self.vmlinux
        for enum in blob.own_ids(Kind.ENUM) if blob is not None else ():
            if blob is not None and not blob.name_offset(enum):
                found = {e.name: e.value for e in blob.enumerators(enum)}
                if "BPF_F_NO_PREALLOC" in found:
                    return reduce(or_, found.values())
        return 0

    # -- what can be called and attached to

    def functions(self, name: str, module: str = "") -> list[tuple[str, Blob, int]]:
        """FUNCs of a name as (module, blob, id): vmlinux first, then modules (R-2.6). ``module`` narrows the search."""
        found: list[tuple[str, Blob, int]] = []
        if self.vmlinux is not None and module in ("", "vmlinux"):
            found += [("", self.vmlinux, i) for i in self.vmlinux.own(name, Kind.FUNC)]
        if not found and module != "vmlinux":
            for owner, blob in self.modules.named(name):
                if not module or owner.startswith(module):
                    found += [(owner, blob, i) for i in blob.own(name, Kind.FUNC)]
        return found

    def types(self, name: str, kind: Kind) -> list[tuple[str, Blob, int]]:
        """Types of a name and kind as (module, blob, id): vmlinux, and only where it has none, modules."""
        if self.vmlinux is None:
            return []
        found = [("", self.vmlinux, i) for i in self.vmlinux.own(name, kind)]
        if not found:
            found = [(m, b, i) for m, b in self.modules.named(name) for i in b.own(name, kind)]
        return found

    @cached_property
    def partial(self) -> bool:
        """The BTF holds only what some program asked for (``bpftool gen min_core_btf``): fields, and no functions."""
        return self.vmlinux is not None and not self.vmlinux.count(Kind.FUNC) and not self.prog_types

    @cached_property
    def kfuncs(self) -> Registry | None:
        """Kfuncs of vmlinux; None for a kernel without BTF."""
        if self.vmlinux is None:
            return None
        return Registry(
            self.vmlinux, "", self.knowledge, self._image_sets(), self.config, self._exact, tags_expected=False
        )

    @property
    def _exact(self) -> bool:
        return self.knowledge.borrowed_for is None and bool(self.release)

    @cached_property
    def _from_image(self) -> ImageFacts:
        """What the kernel's binary holds; nothing where none was given, or it cannot be read."""
        if self.vmlinux is None:
            return NOTHING
        try:
            return image_facts(self.files, self.vmlinux, self.likely_null_args())
        except InputError as error:
            self.problems.append(InputProblem(error.source, error.reason, error.offset))
            return NOTHING

    def likely_null_args(self) -> list[str]:
        """Tracepoints with arguments that any table knows to be NULL at times; see ``binary.null_args``."""
        tables = (self.knowledge, *self.knowledge.others)
        return sorted({name for table in tables for name in table.raw_tp_null_args})

    def _image_sets(self) -> list[KfuncSet] | None:
        """Kfunc sets of the kernel's binary; None where none was given or it holds none (R-1.17)."""
        found = kfunc_sets(self._from_image.kfuncs)
        return self._completed(found, self.vmlinux) if self.vmlinux and found else None

    def _completed(self, found: list[KfuncSet], blob: Blob) -> list[KfuncSet]:
        from kfuncscope.kernel.binary.registration import completed  # loaded where a binary has sets

        return completed(found, blob, self.knowledge, self.config)

    @cached_property
    def probed(self) -> Probed | None:
        """What this very kernel answered when it was booted (``knowledge probe``); above its image and every table."""
        try:
            sha256 = self.files.part_digest("btf")
            return for_btf(sha256) if sha256 else None
        except InputError as error:
            self.problems.append(InputProblem(error.source, error.reason, error.offset))
            return None

    @cached_property
    def features(self) -> Features | None:
        """What ``bpftool feature probe`` said of this kernel, where that was given; above everything else (R-6.5)."""
        if not self.files.probe:
            return None
        try:
            return read_features(self.files.probe, f"{self.label} probe")
        except InputError as error:
            self.problems.append(InputProblem(error.source, error.reason, error.offset))
            return None

    @cached_property
    def lsm_hooks(self) -> LsmHooks:
        """From which LSM hooks BPF is shut out, and where it may sleep (R-7.12)."""
        tables = (self.knowledge, *self.knowledge.others)
        present = lambda hook: bool(self.functions(PREFIX + hook, "vmlinux"))  # noqa: E731
        return LsmHooks(tables, self._from_image.hooks, present, self.probed, named_hooks(self.vmlinux))

    def _module_sets(self, module: str, blob: Blob) -> list[KfuncSet] | None:
        try:
            found = sets_in_module(self.modules.sections(module), blob)
        except InputError as error:
            self.problems.append(InputProblem(error.source, error.reason, error.offset))
            return None
        sets = kfunc_sets(found)
        return self._completed(sets, blob) if sets else None

    def module_kfuncs(self, module: str) -> Registry | None:
        """Kfuncs of one module; None where its BTF cannot be read."""
        blob = self.modules.blob(module)
        if blob is None or self.kfuncs is None:
            return None
        if module not in self._module_registries:
            tagged = self.kfuncs.source != "knowledge"
            sets = self._module_sets(module, blob)
            self._module_registries[module] = Registry(
                blob, module, self.knowledge, sets, self.config, False, tags_expected=tagged
            )
        return self._module_registries[module]

    def kfunc(self, module: str, func_id: int) -> Kfunc | None:
        """The kfunc that a FUNC found by ``functions`` is; None for an ordinary function."""
        registry = self.module_kfuncs(module) if module else self.kfuncs
        return registry.get(func_id) if registry else None

    def maybe_null(self, tracepoint: str) -> MaybeNull:
        """Arguments of a tracepoint that tp_btf programs must compare with NULL: the image's own list, else tables."""
        if self.probed is not None:
            errors = self.knowledge.raw_tp_null_args.get(tracepoint)
            seen = frozenset(self.probed.null_arguments.get(tracepoint, ()))
            told = seen | (errors.is_err if errors else frozenset())
            return MaybeNull(told, frozenset(), True, "the booted kernel")
        own = self._from_image.null_args
        if own is not None:
            return MaybeNull(own.get(tracepoint, frozenset()), frozenset(), True, "the kernel's image")
        tables = (self.knowledge, *self.knowledge.others)
        rows = [table.raw_tp_null_args.get(tracepoint) for table in tables]
        listed = [args.nullable | args.is_err if args else frozenset() for args in rows]
        source = f"tables of Linux {self.knowledge.told_by}"
        every = frozenset.intersection(*listed) if not self.knowledge.beyond else frozenset()
        return MaybeNull(every, frozenset().union(*listed) - every, self.knowledge.lists_null_args, source)

    @cached_property
    def outdated(self) -> bool:
        """The kernel is newer than all tables: what they do not allow may have been allowed since."""
        return self.knowledge.beyond

    @cached_property
    def kfunc_rules(self) -> KfuncRules:
        """Who may call which kfunc."""
        others = self.knowledge.others
        return KfuncRules(self.knowledge, others, self._has_function if others else None)

    @cached_property
    def other_kfunc_rules(self) -> tuple[KfuncRules, ...]:
        """The same by the tables of each other level that this kernel may be like; none where it has its own."""
        return tuple(KfuncRules(other, built=self._has_function) for other in self.knowledge.others)

    def _has_function(self, name: str) -> bool | None:
        """Whether a function was built into the kernel; None where this BTF cannot tell by what it lacks."""
        if self.functions(name):
            return True
        whole = self.vmlinux is not None and self.vmlinux.count(Kind.FUNC) > WHOLE_KERNEL
        return False if whole else None

    @cached_property
    def listed(self) -> Listed:
        """What the kernel's image lists by its symbols; nothing where none was given, or it does not tell.

        That it cannot be read, or has no symbols, is told where its sets and its symbols are read.
        """
        try:
            return listed(self.files, self.arch)
        except InputError:
            return NO_LISTS

    def traced(self, function: str) -> bool | None:
        """Whether ftrace can patch a function of vmlinux, by its image; None where that does not tell (R-7.9)."""
        known = self.listed.traceable
        if known is None or self.symbols is None:
            return None
        return function in known or (False if self.symbols.is_function(function) else None)

    def offers_map(self, number: int) -> bool | None:
        """Whether this build creates maps of a type: as it answered itself, else by its image; None: not told."""
        name = self.map_types.get(number, "").removeprefix("BPF_MAP_TYPE_").removesuffix("_DEPRECATED")
        if self.features is not None and name in self.features.maps:
            return self.features.maps[name]
        if self.probed is not None and name in self.probed.maps:
            return self.probed.maps[name] is not None
        known = self.listed.map_types
        return None if known is None else number in known

    def offers_program(self, name: str) -> bool | None:
        """Whether this build loads programs of a type, by a probe or its image; None where neither tells."""
        if self.features is not None and name in self.features.programs:
            return self.features.programs[name]
        number = self._enum("bpf_prog_type").get(f"BPF_PROG_TYPE_{name}")
        known = self.listed.prog_types
        return None if known is None or number is None else number in known

    @cached_property
    def struct_ops(self) -> list[str]:
        """struct_ops types: each X with ``struct bpf_struct_ops_X`` that holds a ``struct X`` (R-7.1)."""
        if self.vmlinux is None:
            return []
        prefix = "bpf_struct_ops_"
        found = []
        for name in sorted(set(self.vmlinux.own_names(Kind.STRUCT))):
            if name.startswith(prefix) and self.vmlinux.own(name.removeprefix(prefix), Kind.STRUCT):
                value = self.vmlinux.own(name, Kind.STRUCT)[0]
                wanted = name.removeprefix(prefix)
                if any(self.vmlinux.name(self.vmlinux.skip(m.type)) == wanted for m in self.vmlinux.members(value)):
                    found.append(wanted)
        return found

    # -- architecture

    @cached_property
    def caps(self) -> ArchCaps:
        """What this architecture's JIT can do in this release."""
        return self.knowledge.caps(self.arch)

    def option(self, name: str) -> str | None:
        """A config option's value, ``n`` where it is not set; without a config what the BTF tells, else None."""
        if self.config is None:
            told = TOLD_BY_FUNCTION.get(name)
            if told is None or self.vmlinux is None:
                return None
            if self.vmlinux.own(told, Kind.FUNC):
                return "y"
            # Only a whole kernel's BTF can tell by what it lacks.
            whole = self.vmlinux.count(Kind.FUNC) > WHOLE_KERNEL
            return "n" if whole and (name not in OF_TRACE or self.vmlinux.own(WITNESS, Kind.FUNC)) else None
        return self.config.get(f"CONFIG_{name}", "n")

    @cached_property
    def told_off(self) -> frozenset[str]:
        """Options, with their prefix, of which the BTF of a kernel without a config tells that they are not set."""
        if self.config is not None:
            return frozenset()
        return frozenset(f"CONFIG_{name}" for name in TOLD_BY_FUNCTION if self.option(name) == "n")

    @property
    def jit(self) -> bool:
        """An eBPF JIT is built in, as far as the files tell."""
        return self.caps.jit == "ebpf" and self.option("BPF_JIT") in ("y", None)

    @property
    def syscall_prefix(self) -> str:
        """Prefix of system call functions, ``__x64_`` and so on."""
        return arch_record(self.arch).syscall_prefix

    @property
    def endian(self) -> str:
        """``<`` or ``>``."""
        if self.vmlinux is not None:
            return self.vmlinux.endian
        return arch_record(self.arch).endian


def open_kernel(
    files: KernelFiles, arch: str | None = None, release: str | None = None, bpf_as_of: str | None = None
) -> Kernel:
    """Open a kernel, as described there; InputError (BtfError, KernelError) where the files do not make one."""
    return Kernel(files, arch, release, bpf_as_of)
