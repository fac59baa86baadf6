# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every reader of bytes from outside, by name, with sound inputs for it.

Whatever the bytes, a reader answers or raises one InputError, in bounded time and memory. The mutation tests and the
coverage-guided ones both drive this table.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from test_btf_blob import every_kind
from test_btf_ext import sample as ext_sample
from test_intake_kallsyms import image as kallsyms_image
from test_intake_kallsyms import symbols, tables
from test_registration import Built, plain

from kfuncscope.bpf.object import read_object
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import declare
from kfuncscope.btf.distill import relocate
from kfuncscope.btf.ext import read_ext
from kfuncscope.btf.layout import Kind
from kfuncscope.btf.scan import base_name_offsets
from kfuncscope.btf.summary import summarize
from kfuncscope.catalogue.inputs import Given, candidates
from kfuncscope.catalogue.update import update
from kfuncscope.census.count import rows, uses
from kfuncscope.census.join import Joiner, Objects, TagIndex
from kfuncscope.census.reader import read_census
from kfuncscope.census.seen import Seen
from kfuncscope.containers.archive import read_archive
from kfuncscope.containers.carve import carve
from kfuncscope.containers.stream import Budget
from kfuncscope.containers.unpack import peel
from kfuncscope.containers.xzblocks import decode_blocks, find_blocks
from kfuncscope.decision import policy
from kfuncscope.elf.tables import read_elf
from kfuncscope.elf.write import renamed
from kfuncscope.errors import InputError
from kfuncscope.intake import bpftrace
from kfuncscope.intake.image import find_btf, image_arch, unpack_image
from kfuncscope.intake.kallsyms import decode_kallsyms
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.modules import module_sections
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.binary.btfids import sets_in_image
from kfuncscope.kernel.binary.hooksets import hook_sets
from kfuncscope.kernel.binary.registration import registered
from kfuncscope.kernel.config import parse_config
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.kernel.opening import DATA, prepared_blob
from kfuncscope.kernel.packing import packed
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.knowledge import probed
from kfuncscope.knowledge.probed import Probed
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import NeedKind
from kfuncscope.promise import promise, promisefile
from kfuncscope.prove.setup import read_setup
from kfuncscope.report import evidence
from kfuncscope.resources import sample
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge
from kfuncscope.session import sessionfile
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage import text
from kfuncscope.storage.cache import Cache
from kfuncscope.storage.catalogue.form import check_catalogue
from kfuncscope.storage.catalogue.reader import Reader
from kfuncscope.storage.files import InputProblem
from kfuncscope.upgrade import jsonform, memo
from support import archivewriter as write
from support import guestwire, kpacks
from support import kernelfiles as make
from support.archives import packages_index, primary
from support.bpfwriter import exit_, mov, object_bytes
from support.btfwriter import BtfWriter
from support.reportcases import analysis
from support.scripts import SCRIPT

OBJECT = object_bytes("xdp", [mov(0, 2), exit_()])
MODULE = make.module(["probe"], {"set": 2})
FILES = {
    "usr/lib/x.bpf.o": OBJECT,
    f"boot/config-{make.RELEASE}": make.config(),
    f"lib/modules/{make.RELEASE}/m.ko.xz": write.compress(MODULE, "xz"),
    f"boot/vmlinuz-{make.RELEASE}": write.compress(make.vmlinux(), "gz"),
}
# Where nothing is compressed, a changed byte reaches the readers behind the package.
BARE = {"usr/lib/x.bpf.o": OBJECT, f"lib/modules/{make.RELEASE}/m.ko": MODULE}
BARE |= {f"usr/lib/debug/boot/vmlinux-{make.RELEASE}": make.vmlinux()}
HOW = ("xz", "gz", "zst", "bz2", "lz4", "lz4-legacy", "lzma")


@dataclass(frozen=True)
class Target:
    """A reader, and what makes inputs that it reads."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


def _archive(data: bytes) -> None:
    found = read_archive(io.BytesIO(data), Budget("f", len(data)))
    for member in found[1] if found else ():
        member.read()


def _image(data: bytes) -> None:
    kernel = unpack_image(data, "f")
    find_btf(kernel, "f")
    image_arch(kernel, "f")


def _elf(data: bytes) -> None:
    read_elf(data, "f").symbols(b"__BTF_ID__")


def _module(data: bytes) -> None:
    base_name_offsets(module_sections(data, "f").btf, 1000)


def _carve(data: bytes) -> None:
    assert all(0 <= start < end <= len(data) for start, end in carve(data))


def _blocks(data: bytes) -> None:
    file = io.BytesIO(data)
    found = find_blocks(file, 0, len(data))
    # What the stream reader does with a decoder's own errors is tried by the archives.
    try:
        for _ in decode_blocks(file, 0, found) if found else ():
            pass
    except Exception as error:
        assert type(error).__name__ == "LZMAError"


def _ask(blob: Blob) -> None:
    """Every type's text, size and place among the names."""
    summarize(blob)
    for type_id in range(min(len(blob), 60)):
        declare(blob, type_id, offsets=True)
        blob.size(type_id)


def _btf(data: bytes) -> None:
    _ask(Blob(data, "f"))


@cache
def _base() -> Blob:
    return make.base().blob()


def _split(data: bytes) -> None:
    _ask(Blob(data, "f", _base()))


def _distilled(data: bytes) -> None:
    """Split BTF and, behind the first piece, the distilled base; both may be damaged."""
    middle = data.find(b"\x9f\xeb", 2)
    _ask(relocate(data[:middle], data[middle:], _base(), "f"))


@cache
def _with_ext() -> tuple[bytes, Blob]:
    """.BTF.ext and the BTF that it speaks of."""
    writer = ext_sample()
    return writer.build(), writer.btf.blob()


def _distilled_seed() -> bytes:
    below = BtfWriter()
    below.int_("int", 4, signed=True)
    below.struct("shared", [], 4)
    above = BtfWriter(base=below)
    above.func("probe", above.proto(1, [("s", above.ptr(2))]))
    return above.build() + below.build()


@cache
def _built() -> Built:
    made = Built()
    made.types(lambda code: plain(code, made.a, made.b))
    return made


def _sets(data: bytes) -> None:
    blob = _built().blob
    registered(data, blob, sets_in_image(data, blob, blob.tags("bpf_kfunc")))


@cache
def _lsm() -> Blob:
    """A kernel of twelve LSM hooks, whose ids are no counts of anything."""
    made = BtfWriter()
    proto = made.proto(made.int_("int", 4, signed=True))
    for number in range(300):
        made.func(f"function_{number}", proto)
    for number in range(12):
        made.func(f"bpf_lsm_hook_{number}", proto)
    return made.blob()


def _hooks(data: bytes) -> None:
    assert all(0 < len(found) <= 12 for found in hook_sets(data, _lsm()))


def _hooks_seed() -> bytes:
    ids = [_lsm().find(f"bpf_lsm_hook_{number}", Kind.FUNC)[0] for number in range(12)]
    words = [0, 6, *ids[3:9], 0, 0, 7, 0, *ids[:12:2], 1]
    return struct.pack(f"<{len(words)}I", *words)


@cache
def _kernels() -> tuple[Kernel, Kernel]:
    """The sample kernels of x86_64."""
    made = [open_kernel(kernel_files([sample("kernels", f"{r}-x86_64")])[0]) for r in ("6.12", "7.3")]
    return made[0], made[1]


def _object(data: bytes) -> None:
    """An object that can still be read is judged and compared too: the rules meet what no compiler made."""
    obj = read_object(data, "f")
    old, new = (judge(obj, kernel) for kernel in _kernels())
    compare(old, new, "", "")


def _promise(data: bytes) -> None:
    promise.check(promisefile.read(data, "f"), _kernels()[1])


def _promise_seed() -> bytes:
    names = ("tcp_steady.bpf.o", "runqueue_bare.bpf.o", "scx_rota.bpf.o")
    few = [file for file in object_files([sample("objects")])[0] if file.name in names]
    return promisefile.write(promise.make(few, _kernels()[0])[0])


def _census(path: Path) -> None:
    """A census that can be read is joined, counted, published and judged; one that cannot has one error."""
    census = read_census([path])
    assert len(census.problems) <= 1
    joiner = Joiner(census, TagIndex(Objects([], []), []))
    listed = rows(census, joiner)
    found = uses(listed, joiner, list(NeedKind))
    evidence.page(census, listed, found, "html")
    evidence.page(census, listed, found, "md")
    for one in census.programs[:20]:
        judge(Seen(one, "f", _kernels()[1]), _kernels()[1])
    if census.problems:
        raise InputError(census.problems[0].path, census.problems[0].reason)


def _script(data: bytes) -> None:
    read_object(bpftrace.hooks_object(bpftrace.probes(data.decode("utf-8", "replace"))), "f")


def _symbols(data: bytes) -> None:
    found = Symbols(data)
    found.clones("tcp_v4_connect")
    found.is_function("tcp_v4_connect")


@dataclass
class _OnDisk:
    """Readers that take files."""

    folder: Path
    sound: bytes = b""

    def written(self, data: bytes) -> Path:
        path = self.folder / "file"
        path.write_bytes(data)
        return path

    def kernel(self, data: bytes) -> None:
        for kernel in kernel_files([self.written(data)]):
            for reader in kernel.modules.values():
                reader()
            if kernel.module_search is not None:
                kernel.module_search.find(["probe"])

    def kpack(self) -> bytes:
        (files,) = kernel_files([self.written(PACKAGES[0])])
        return packed(files)

    def parts(self) -> list[bytes]:
        """Every part of a pack with columns, its name before it."""
        pack = kpacks.with_columns(self.folder)
        self.sound = pack.read_bytes()
        return [name.encode() + b"\n" + kpacks.part(pack, name) for name in kpacks.names_of(pack)]

    def part(self, data: bytes) -> None:
        """A pack with another part and right digests; whoever made it knew the form."""
        name, _, part = data.partition(b"\n")
        path = self.written(self.sound)
        text = name.decode("ascii", "replace")
        if text in kpacks.names_of(path):
            kpacks.changed(path, parts={text: part})
            kpacks.asked(path)
            (files,) = kernel_files([path])
            judge(read_object(OBJECT, "f"), open_kernel(files))

    def census(self, data: bytes) -> None:
        _census(self.written(data))

    def objects(self, data: bytes) -> None:
        object_files([self.written(data)])

    def session(self, data: bytes) -> None:
        sessionfile.load(self.written(data))

    def saved(self) -> bytes:
        path = self.folder / "a.kfs"
        sessionfile.save(Session(old=[KernelRef(["a"])], new=[KernelRef(["b", "c"])], objects=["o"]), path)
        return path.read_bytes()

    def cached(self, data: bytes) -> None:
        own = Cache(self.folder / "own")
        own.root.mkdir(exist_ok=True)
        own._path("key").write_bytes(data)
        assert own.get("key") in (None, b"text" * 50)
        pack = own.pack("key")
        for name in pack.names() if pack else ():
            if pack is None or pack.read(name) is None:
                break
        own.entries()

    def kept(self, data: bytes) -> None:
        """A part of an entry as somebody else may have written it: the record that it should be, or nothing."""
        for kind in (memo.Kept, memo.KernelFacts, memo.Late):
            found = memo._decoded(kind, data)
            assert found is None or (isinstance(found, kind) and memo._decoded(kind, memo._encode(found)) == found)

    def records(self) -> list[bytes]:
        (arch,) = analysis(("x86_64",)).arches
        rows = [memo.Kept(3, ("a note",), None, one) for one in arch.objects]
        facts = memo.KernelFacts("x86_64", "7.3", "<", True, True, 5, (("BTF", "5 MB"),), (), (), ())
        bad = InputProblem("a", "not readable", 3)
        return [memo._encode(one) for one in (*rows, memo.Kept(0, (), bad, None), facts, memo.Late((bad,), (bad,)))]

    def index(self, data: bytes) -> None:
        """What was derived from a kernel's BTF, as it may come back: the same blob, or a refusal to use it."""
        known, at = {DATA: _base().data}, 0
        for name, part in Blob(_base().data).derived().items():
            known[name] = data[at : at + len(part)]
            at += len(part)
        blob = prepared_blob(known, "f")
        if blob is None:
            return
        assert len(blob) == len(_base())
        for name in ("task_struct", "probe", "", "int"):
            for type_id in blob.own(name):
                assert blob.name(type_id) is not None

    def derived(self) -> bytes:
        return b"".join(Blob(_base().data).derived().values())

    def catalogue(self, data: bytes) -> None:
        """What somebody else may have made of a catalogue: its objects, or one error; and a scan into it."""
        path = self.written(data)
        check_catalogue(path)
        object_files([path])
        with Reader(path) as reader:
            list(reader.packages())
            reader.objects(data=True)
        update(path, [str(self.folder / "a.deb")], workers=1)

    def scanned(self) -> bytes:
        package, path = self.folder / "a.deb", self.folder / "seed.kcat"
        package.write_bytes(PACKAGES[0])
        update(path, [str(package)], workers=1)
        return path.read_bytes()

    def listing(self, data: bytes) -> None:
        """An index of an archive: each package once, with a place of its own."""
        found = list(candidates([str(self.written(data))], None, Given()))
        assert len({one.place for one in found}) == len(found)

    def entry(self) -> bytes:
        own = Cache(self.folder / "seed")
        own.put("key", b"text" * 50)
        return own._path("key").read_bytes()


PACKAGES = [
    write.deb(FILES),
    write.deb(FILES, how="zst"),
    write.deb(BARE, how=""),
    write.rpm(FILES),
    write.rpm(BARE, how=""),
    write.tar(FILES, "gz"),
    write.zipped(FILES),
]
IMAGES = [
    write.bzimage(write.compress(make.vmlinux(), "zst")),
    write.zboot(write.compress(make.vmlinux(), "gz")),
    write.arm64_image(make.vmlinux()),
    write.uki(write.bzimage(write.compress(make.vmlinux(), "xz"))),
    b"\0" * 100 + write.compress(make.vmlinux(), "lz4") + b"\0" * 100,
]
POLICY = b"""
name = "stable gate"
[[block]]
verdict = ["BREAKS"]
[[waiver]]
owner = "sched team"
reason = "fixed upstream"
expires = 2030-01-01
object = "a*"
"""

SETUP = b"""
[object."*"]
autoload = { p = true }
[object."*".map.m]
max_entries = 2
inner = { type = 1, key_size = 4 }
programs = { 0 = "p" }
[object."*".rodata]
v = "hex:00ff"
"""


def _objects() -> list[bytes]:
    return [path.read_bytes() for path in sorted(sample("objects").rglob("*.bpf.o"))]


def targets(folder: Path) -> dict[str, Target]:
    """The table; ``folder`` is for readers that take files."""
    disk = _OnDisk(folder)
    return {
        "archive": Target(
            _archive, lambda: [*PACKAGES, write.tar(FILES, pax=True), write.tar(BARE), write.cpio(FILES)]
        ),
        "unpack": Target(lambda data: peel(data, "f"), lambda: [write.compress(make.config(), how) for how in HOW]),
        "image": Target(_image, lambda: IMAGES),
        "elf": Target(_elf, lambda: [MODULE, make.vmlinux(machine=22, endian=">"), OBJECT]),
        "module": Target(_module, lambda: [MODULE]),
        "carve": Target(_carve, lambda: [b"odd" + OBJECT + OBJECT, object_bytes("tc", [exit_()], endian=">")]),
        "kallsyms": Target(
            lambda data: decode_kallsyms(data, "f"),
            lambda: [kallsyms_image(tables(symbols(600), order)) for order in "<>"],
        ),
        "xzblocks": Target(_blocks, lambda: [write.xz_in_blocks(random.Random(5).randbytes(1_100_000), 300_000)]),
        "kernels": Target(disk.kernel, lambda: [*PACKAGES, *IMAGES, make.base().build()]),
        "kpack": Target(disk.kernel, lambda: [disk.kpack()]),
        "kpack-parts": Target(disk.part, disk.parts),
        "objects": Target(disk.objects, lambda: [*PACKAGES, OBJECT, write.tar({"a.deb": PACKAGES[0]})]),
        "cache": Target(disk.cached, lambda: [disk.entry()]),
        "catalogue": Target(disk.catalogue, lambda: [disk.scanned()]),
        "listing": Target(
            disk.listing,
            lambda: (
                [packages_index({"a/a.deb": b"a", "b.deb": b"b"}, how) for how in ("", "gz")]
                + [primary({"a/a.rpm": b"a", "b.rpm": b"b"}, "")]
            ),
        ),
        "kept": Target(disk.kept, disk.records),
        "index": Target(disk.index, lambda: [disk.derived()]),
        "toml": Target(lambda data: text.read_toml(data, "f"), lambda: [POLICY, b"a.'b' = [1, {}]", _promise_seed()]),
        "json": Target(lambda data: text.read_json(data, "f"), lambda: [disk.saved(), b'[{"a": [1e5, "\\u00e9"]}]']),
        "btf": Target(_btf, lambda: [every_kind(endian).build() for endian in "<>"]),
        "split": Target(_split, lambda: [make.split(["probe", "other"])]),
        "distilled": Target(_distilled, lambda: [_distilled_seed()]),
        "ext": Target(lambda data: read_ext(data, "f", _with_ext()[1]), lambda: [_with_ext()[0]]),
        "sets": Target(_sets, lambda: [_built().image.build(named) for named in (True, False)]),
        "hooks": Target(_hooks, lambda: [_hooks_seed()]),
        "census": Target(disk.census, lambda: [p.read_bytes() for p in sorted(sample("census").glob("*.jsonl"))]),
        "script": Target(_script, lambda: [SCRIPT]),
        "renamed": Target(lambda data: renamed(data, {"xdp": "tc/x"}, {"license": b"GPL"}, "f"), lambda: [OBJECT]),
        "config": Target(parse_config, lambda: [make.config()]),
        "symbols": Target(_symbols, lambda: [b"T tcp_v4_connect\nt tcp_v4_connect.isra.0\nd init_net\n" * 50]),
        "object": Target(_object, _objects),
        "policy": Target(policy.parse, lambda: [POLICY]),
        "promise": Target(_promise, lambda: [_promise_seed()]),
        "session": Target(disk.session, lambda: [disk.saved()]),
        "setup": Target(lambda data: read_setup(str(disk.written(data))), lambda: [SETUP]),
        "probed": Target(lambda data: probed.loads(data, "f"), lambda: [probed.dumps(Probed("a", "b", "7", "arm"))]),
        "wire": Target(guestwire.read, guestwire.seeds),
        "report": Target(
            lambda data: jsonform.loads(data, "f"),
            lambda: [jsonform.dumps(Analysis("0.1.0", (), ())), jsonform.dumps(analysis(("x86_64",)))],
        ),
    }
