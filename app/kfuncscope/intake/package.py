# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The parts of kernels in one file: a package, an archive, or a single image, config or symbol file.

The file is streamed once; what makes a kernel goes into two cached packs, the parts (BTF, config, symbols, image) and
the modules as they came. From then on only the packs are read. If they have gone, they are made again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from kfuncscope.arch import arch_named, arch_of_config, arch_of_release
from kfuncscope.containers.archive import Member, Package, read_archive
from kfuncscope.containers.detect import ARCHIVES, COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.stream import Budget, TooLargeError
from kfuncscope.containers.unpack import peel
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake import identity
from kfuncscope.intake.image import embedded_config, find_btf, held_image, hold, image_arch, unpack_image
from kfuncscope.intake.layout import Part, Role, part_of
from kfuncscope.intake.modules import module_name, module_sections
from kfuncscope.intake.slim import slim_module, slim_vmlinux
from kfuncscope.intake.symbols import Kallsyms, real_symbols
from kfuncscope.storage import lookup
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Input, InputProblem, KernelFiles, ModuleSections
from kfuncscope.storage.pack import Pack, PackWriter
from kfuncscope.storage.read import READ_WHOLE, Progress, input_of, read_file, shown, too_large

VERSION = 6
"""Part of every cache key here; raised whenever what is stored changes."""

_NO_RELEASE = ""
# Packages of a kernel's parts by Debian's and Ubuntu's names, which end in the release, and by those of rpm systems.
_PART_OF_DEB = re.compile(r"linux-(?:image|binary|base|modules)(?:-unsigned|-extra)?-(\d.+)")
_PART_OF_RPM = re.compile(r"kernel(?:-\w+)*-(?:core|modules)(?:-uname-r)?")


class NeedsOthersError(KernelError):
    """A package that holds nothing of a kernel but needs the packages that hold the one of ``release``."""

    release = ""
    input: Input | None = None


def problems_of(failed: list[InputError], kernels: list[KernelFiles]) -> list[InputProblem]:
    """What is to be told of failed files. A package that only needs others lacks nothing where these are there."""
    problems: list[InputProblem] = []
    for error in failed:
        if isinstance(error, NeedsOthersError) and error.input is not None:
            wanted = error.release
            home = next((k for k in kernels if k.release == wanted and (k.image or k.held("btf") or k.modules)), None)
            if home is not None:
                home.inputs += (error.input,)
                continue
        problems.append(InputProblem(error.source, error.reason, error.offset))
    return problems


class ReleaseMeta(TypedDict):
    """What a pack of parts says of one release."""

    arch: str | None
    version: str | None
    unnumbered: bool
    image_sha256: str | None
    modules: dict[str, str]


class PartsMeta(TypedDict):
    """What a pack of parts says of the file that it was made from; ``package`` are the fields of ``Package``."""

    releases: dict[str, ReleaseMeta]
    problems: list[tuple[str, str, int | None]]
    kind: str
    package: tuple[str, str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Store:
    """One input file, at ``path``, and its packs in the cache."""

    input: Input
    path: str

    def parts(self, progress: Progress | None = None) -> Pack:
        """The pack of parts, made when it is not there. Raises InputError when the file cannot be read."""
        return self._pack("parts", progress)

    def _pack(self, which: str, progress: Progress | None = None) -> Pack:
        cache, form = default_cache(), PartsMeta if which == "parts" else None
        pack = cache.pack(self._key(which), form)
        if pack is None:
            _Builder(self.input, Path(self.path), self._key).build(progress)
            pack = cache.pack(self._key(which), form)
        if pack is None:
            raise KernelError(self.input.path, "the cache cannot hold the parts of this kernel")
        return pack

    def read(self, which: str, name: str) -> bytes:
        """One part's bytes from the pack ``parts`` or ``modules``. Raises InputError when they cannot be had."""
        for _ in range(2):
            pack = self._pack(which)
            # A damaged pack removes itself when read, so the second turn makes it again.
            data = pack.read(name) if name in pack else None
            if data is not None:
                return data
        raise KernelError(self.input.path, f"{name} is no longer in this file")

    def _key(self, which: str) -> str:
        return f"kernel-{which}:{VERSION}:{self.input.sha256}"


def image_key(sha256: str, name: str) -> str:
    """What identifies an image: the file that it came in, and its part there."""
    return f"{sha256} {name}"


@dataclass(frozen=True, slots=True)
class PackedImage:
    """Reads the uncompressed kernel out of a store."""

    store: Store
    name: str

    def __call__(self) -> bytes:
        key = image_key(self.store.input.sha256, self.name)
        image = held_image(key)
        if image is None:
            image = unpack_image(self.store.read("parts", self.name), self.store.input.path)
            hold(key, image)
        return image


@dataclass(frozen=True, slots=True)
class PackedModule:
    """Reads one module out of a store."""

    store: Store
    name: str

    def __call__(self) -> ModuleSections:
        return module_sections(self.store.read("modules", self.name), f"{self.store.input.path}:{self.name}")


class PackedModules(Mapping[str, Callable[[], ModuleSections]]):
    """The modules of one release in a store, by name; nothing is read before a module is called."""

    def __init__(self, store: Store, files: dict[str, str]) -> None:
        self._store = store
        self._files = files

    def __getitem__(self, name: str) -> Callable[[], ModuleSections]:
        return PackedModule(self._store, self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def from_file(path: Path, progress: Progress | None = None) -> list[KernelFiles]:
    """The kernels, or parts of kernels, in one file, one for each release. Raises InputError when there are none."""
    _ask_its_size(path)
    store = Store(input_of(path), str(path))
    pack = store.parts(progress)
    problems = tuple(InputProblem(*row) for row in pack.meta["problems"])
    found = [_kernel(store, pack, release) for release in pack.meta["releases"]]
    if not found:
        if problems:
            raise KernelError(problems[0].path, problems[0].reason, problems[0].offset)
        if (role := part_of(path.name)) and role.role is Role.SYMBOLS:
            # The note that Debian ships as boot/System.map: it belongs to its kernel and adds nothing.
            return [KernelFiles(path.name, release=role.release, inputs=(store.input,))]
        raise _nothing(store, pack)
    found[0].problems += problems
    return found


def _ask_its_size(path: Path) -> None:
    """Refuse what can only be read whole and is too large for that, before it is hashed. Raises InputError."""
    try:
        if lookup.is_file(path) and path.stat().st_size > READ_WHOLE:
            with path.open("rb") as file:
                if detect(file.read(HEAD)) not in ARCHIVES | COMPRESSED:
                    raise too_large(path, READ_WHOLE)
    except OSError as error:
        raise InputError(shown(path), error.strerror or str(error)) from error


def _nothing(store: Store, pack: Pack) -> KernelError:
    """Why a file holds nothing of a kernel; of a package that only stands for others, which these are."""
    package = Package(*pack.meta["package"])
    known = {name: found for name in package.needs if (found := _PART_OF_DEB.fullmatch(name))}
    others = list(known) or [name for name in package.needs if _PART_OF_RPM.fullmatch(name)]
    if not others:
        return KernelError(store.input.path, f"no kernel in it ({pack.meta['kind']})")
    names = ", ".join(sorted({name.removesuffix("-uname-r") for name in others}))
    reason = f"no kernel in it: it is a metapackage; pass the packages that it depends on: {names}"
    error = NeedsOthersError(store.input.path, reason)
    releases = {found[1] for found in known.values()} or {f"{package.version}.{package.arch}"}
    error.release, error.input = min(releases), store.input
    return error


def _kernel(store: Store, pack: Pack, release: str) -> KernelFiles:
    facts = pack.meta["releases"][release]
    image = f"image/{release}" if f"image/{release}" in pack else None
    reader = PackedImage(store, image) if image else None

    def part(name: str) -> bytes | None:
        return store.read("parts", f"{name}/{release}") if f"{name}/{release}" in pack else None

    kernel = KernelFiles(
        label=release or store.input.path.rpartition("/")[2],
        arch=facts.get("arch"),
        release=release or None,
        btf=part("btf"),
        config=part("config"),
        modules=PackedModules(store, facts["modules"]) if facts["modules"] else {},
        symbols=part("symbols"),
        image=reader,
        image_sha256=facts.get("image_sha256"),
        kallsyms=Kallsyms(reader, facts["image_sha256"], store.input.path) if reader else None,
        inputs=(store.input,),
    )
    kernel.tell_version(facts.get("version"), "image")
    package, version = pack.meta["package"][:2]
    kernel.tell_version(identity.version_of_package(package, version), "package")
    kernel.unnumbered = facts["unnumbered"] or identity.unnumbered_package(package, version, release)
    return kernel


@dataclass(slots=True)
class _Facts:
    """What was found for one release while the file is streamed."""

    arch: str | None = None
    version: str | None = None
    unnumbered: bool = False
    image_sha256: str | None = None
    config: bytes | None = None
    modules: dict[str, str] = field(default_factory=dict)


class _Builder:
    """Streams one file into its two packs."""

    def __init__(self, source: Input, path: Path, key: Callable[[str], str]) -> None:
        self._input = source
        self._path = path
        self._key = key
        self._releases: dict[str, _Facts] = {}
        self._problems: list[tuple[str, str, int | None]] = []
        self._package = Package()
        self._kind = Kind.UNKNOWN

    def build(self, progress: Progress | None) -> None:
        try:
            self._write(progress)
        except OSError as error:
            raise KernelError(self._input.path, f"cannot be unpacked into the cache: {error}") from error

    def _write(self, progress: Progress | None) -> None:
        cache = default_cache()
        parts, modules = cache.writer(self._key("parts")), cache.writer(self._key("modules"))
        try:
            self._stream(parts, modules, progress)
            for release, facts in self._releases.items():
                # Put in last: of one name the first stays, so a config file comes before the one inside the image.
                if facts.config is not None:
                    self._config(Part(Role.CONFIG, release), facts.config, parts)
            modules.close({})
            parts.close(self._meta())
        except BaseException:
            parts.drop()
            modules.drop()
            raise
        if not any(facts.modules for facts in self._releases.values()):
            cache.remove(self._key("modules"))
        cache.trim()

    def _meta(self) -> dict[str, Any]:
        releases = {
            name: {"arch": f.arch, "version": f.version, "unnumbered": f.unnumbered,
                   "image_sha256": f.image_sha256, "modules": f.modules}
            for name, f in sorted(self._releases.items())
        }  # fmt: skip
        package = [self._package.name, self._package.version, self._package.arch, self._package.needs]
        return {"releases": releases, "problems": self._problems, "kind": self._kind.value, "package": package}

    def _stream(self, parts: PackWriter, modules: PackWriter, progress: Progress | None) -> None:
        budget = Budget(self._input.path, self._input.size)
        with self._path.open("rb") as file:
            self._kind = detect(file.read(HEAD))
            file.seek(0)
            archive = read_archive(file, budget)
            if archive is None:
                self._single(self._path, parts)
                return
            self._package, members = archive
            for member in members:
                if progress:
                    progress(min(file.tell(), self._input.size), self._input.size, self._input.path)
                if (part := part_of(member.path)) is not None:
                    try:
                        self._member(member, part, parts, modules)
                    except TooLargeError as error:
                        self._problems.append((error.source, error.reason, None))

    def _single(self, path: Path, parts: PackWriter) -> None:
        data = read_file(path)
        part = part_of(path.name) or Part(Role.IMAGE, None)
        if part.role is Role.BTF:
            part = Part(Role.IMAGE, None)
        self._part(part, data, self._input.path, parts)

    def _member(self, member: Member, part: Part, parts: PackWriter, modules: PackWriter) -> None:
        if part.role is Role.MODULE:
            release = part.release or _NO_RELEASE
            self._facts(release).modules.setdefault(module_name(member.path.rpartition("/")[2]), member.path)
            data = member.read()
            if member.path.endswith(".ko"):
                modules.add(member.path, slim_module(data, member.path))
            else:
                modules.add(member.path, data, compress=False)
        else:
            self._part(part, member.read(), f"{self._input.path}:{member.path}", parts)

    def _part(self, part: Part, data: bytes, source: str, parts: PackWriter) -> None:
        """Keep one part other than a module; what is wrong with it becomes a problem, and the others go on."""
        try:
            if part.role is Role.IMAGE:
                self._image(part, data, source, parts)
            elif part.role is Role.BTF:
                blob = peel(data, source)
                if detect(blob[:HEAD]) is not Kind.BTF:
                    raise KernelError(source, "not BTF: the file does not start with the BTF magic number")
                parts.add(f"btf/{self._known(part.release)}", blob)
            elif part.role is Role.CONFIG:
                self._config(part, peel(data, source), parts)
            elif (text := real_symbols(peel(data, source))) is not None:
                parts.add(f"symbols/{self._known(part.release)}", text)
        except InputError as error:
            self._problems.append((error.source, error.reason, error.offset))

    def _config(self, part: Part, config: bytes, parts: PackWriter) -> None:
        release = self._known(part.release or identity.release_of_config(config))
        facts = self._releases[release]
        facts.arch = facts.arch or arch_of_config(config)
        parts.add(f"config/{release}", config)

    def _image(self, part: Part, data: bytes, source: str, parts: PackWriter) -> None:
        held_image("")
        image = unpack_image(data, source)
        digest = hashlib.sha256(data).hexdigest()
        slim = slim_vmlinux(image, source)
        if slim is not image:
            data = image = slim
        arch = image_arch(image, source)
        release = self._known(part.release or identity.release_of_image(image))
        facts = self._releases[release]
        facts.arch = arch or facts.arch
        facts.version = facts.version or identity.version_of_image(image)
        facts.unnumbered = facts.unnumbered or identity.unnumbered_image(image)
        if (btf := find_btf(image, source)) is not None:
            parts.add(f"btf/{release}", btf)
        if facts.image_sha256 is None:
            facts.image_sha256 = digest
            parts.add(f"image/{release}", data)
            hold(image_key(self._input.sha256, f"image/{release}"), image)
            facts.config = embedded_config(image, source)

    def _known(self, release: str | None) -> str:
        self._facts(release or _NO_RELEASE)
        return release or _NO_RELEASE

    def _facts(self, release: str) -> _Facts:
        if release not in self._releases:
            self._releases[release] = _Facts(arch_named(self._package.arch) or arch_of_release(release))
        return self._releases[release]
