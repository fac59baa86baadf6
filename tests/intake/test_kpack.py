# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A packed kernel gives the answers of the files it was made from, and a hostile one no others than an InputError."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import random
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.btf.layout import Kind
from kfuncscope.btf.scan import string_section
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel import packing
from kfuncscope.kernel.binary import image_facts
from kfuncscope.kernel.packing import packed
from kfuncscope.resources import sample
from kfuncscope.session.purpose import is_kernel
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage import kernelpack as kpack
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import ModuleSections
from kfuncscope.upgrade import jsonform, memo
from kfuncscope.upgrade.analyse import analyse
from support import archivewriter as write
from support import kernelfiles as make
from support import kpacks
from support.fuzztargets import FILES
from support.kpacks import asked, changed, names_of, opened, pack_of, part, told
from support.mutate import mutated

SAMPLES = sorted(p.parent.name for p in sample("kernels").glob("*/vmlinux.btf.xz"))


def package(tmp_path: Path, image: bytes | None = None) -> Path:
    path = tmp_path / "linux-image.deb"
    files = FILES if image is None else {**FILES, f"boot/vmlinuz-{make.RELEASE}": write.compress(image, "gz")}
    path.write_bytes(write.deb(files))
    return path


@pytest.mark.parametrize("name", SAMPLES)
def test_a_packed_sample_kernel_is_the_same_kernel(name: str, tmp_path: Path) -> None:
    whole = sample("kernels", name, "vmlinux.btf.xz")
    assert told(opened(pack_of(whole, tmp_path / "k.kpack"))) == told(opened(whole))


def report(old: list[str], new: list[str], objects: Path) -> str:
    return jsonform.dumps(
        analyse(Session([KernelRef([o]) for o in old], [KernelRef([n]) for n in new], [str(objects)]))
    )


def test_reports_are_the_same_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFUNCSCOPE_NO_MEMO", "1")
    olds, news = ([str(sample("kernels", n, "vmlinux.btf.xz")) for n in SAMPLES if n.startswith("6.12") == old]
                  for old in (True, False))  # fmt: skip
    packs = [[pack_of(k, tmp_path / f"{side}{i}.kpack") for i, k in enumerate(kernels)]
             for side, kernels in (("o", olds), ("n", news))]  # fmt: skip
    assert report(*packs, sample("objects")) == report(olds, news, sample("objects"))


@pytest.mark.corpus
@pytest.mark.parametrize("pair", ["6.1-amd64 6.12-amd64", "6.12-arm64 7.3-arm64", "6.12-s390x 7.2-s390x"])
def test_packed_kernels_of_the_corpus(pair: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFUNCSCOPE_NO_MEMO", "1")
    old, new = (str(corpus / "kernels" / name / "vmlinux.btf.xz") for name in pair.split())
    packs = [pack_of(old, tmp_path / "o.kpack")], [pack_of(new, tmp_path / "n.kpack")]
    assert report(*packs, sample("objects")) == report([old], [new], sample("objects"))


def test_a_package_with_an_image(tmp_path: Path) -> None:
    """What is read from the image, the symbols in it, the modules; and what could not be read is said the same."""
    whole = package(tmp_path)
    made = opened(pack_of(whole, tmp_path / "k.kpack"))
    assert told(made) == told(opened(whole))
    assert not made.unnumbered
    assert made.files.image is not None and made.modules.names == ["m"]
    with pytest.raises(InputError, match="holds no image"):
        made.files.image()
    assert made.symbols is None and any("symbol table" in p.reason for p in made.problems)


def test_what_was_read_from_an_image_is_in_the_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    whole = package(tmp_path)
    (files,) = kernel_files([whole])
    facts = image_facts.ImageFacts([], [frozenset({"file_open"})], {"sched_switch": frozenset({1})})
    monkeypatch.setattr(image_facts, "_holds", lambda image, btf: True)
    monkeypatch.setattr(image_facts, "hook_sets", lambda image, blob: facts.hooks)
    monkeypatch.setattr(image_facts, "null_args", lambda image, blob, likely: facts.null_args)
    path = tmp_path / "k.kpack"
    path.write_bytes(packed(files))
    again = opened(path)
    assert again._from_image == facts
    assert again.maybe_null("sched_switch")[0] == {1}


def test_equal_kernels_make_equal_packs(tmp_path: Path) -> None:
    whole = package(tmp_path)
    first, second = (Path(pack_of(whole, tmp_path / f"{i}.kpack")).read_bytes() for i in (1, 2))
    assert first == second
    assert is_kernel(str(tmp_path / "1.kpack"))


# -- opening

WITHOUT_NUMPY = """
import sys
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
kernel = open_kernel(kernel_files([sys.argv[1]])[0])
assert kernel.symbols.is_function("f0") and kernel.vmlinux.own("task_struct")
assert "numpy" not in sys.modules, "numpy takes longer to load than a pack to open"
"""


def test_a_pack_is_opened_without_numpy_the_first_time(symbolic: Path, own_cache: Path) -> None:
    """And without a copy in the cache."""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WITHOUT_NUMPY, str(symbolic)], check=True)
    assert sum(entry.stat().st_size for entry in own_cache.glob("*")) < 4096 < symbolic.stat().st_size


def test_a_pack_is_checked_again_once_it_was_written_to(
    symbolic: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = kpack.now_ns() + 60 * 10**9
    monkeypatch.setattr(kpack, "now_ns", lambda: now)
    looked: list[str] = []
    check = kpack.Parts._check
    monkeypatch.setattr(
        kpack.Parts, "_check", lambda parts, name, data: (looked.append(name), check(parts, name, data))
    )
    opened(symbolic)
    assert "btf/starts" in looked
    looked.clear()
    opened(symbolic)
    assert "btf/starts" not in looked
    data = symbolic.read_bytes()
    at = data.index(part(symbolic, "btf/keys"))
    symbolic.write_bytes(data[:at] + b"\xff" * 8 + data[at + 8 :])
    with pytest.raises(InputError, match="btf/keys has another SHA-256"):
        opened(symbolic)


@pytest.mark.parametrize("mode", [0o644, 0o666])
def test_a_file_that_others_can_write_to_is_read_and_not_mapped(mode: int, symbolic: Path) -> None:
    """What was checked could change, or the process die where the file gets shorter."""
    symbolic.chmod(mode)
    kernel = opened(symbolic)
    symbolic.write_bytes(b"")
    assert kernel.vmlinux is not None
    if mode == 0o666:
        assert kernel.vmlinux.own("task_struct")


def test_columns_of_another_byte_order_are_not_used(symbolic: Path) -> None:
    whole = told(opened(symbolic))
    changed(symbolic, byteorder={"little": "big", "big": "little"}[sys.byteorder],
            parts={"btf/starts": LIES["turned"](part(symbolic, "btf/starts"))})  # fmt: skip
    assert told(opened(symbolic)) == whole


def test_the_readers_of_a_pack_go_to_another_process(symbolic: Path) -> None:
    (files,) = kernel_files([symbolic])
    held = pickle.loads(pickle.dumps(files.held("btf")))
    assert held.read() == files.btf
    changed(symbolic, label="another")
    with pytest.raises(InputError, match="another kernel pack"):
        pickle.loads(pickle.dumps(files.held("symbols")))


# -- hostile packs


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(pack_of(package(tmp_path), tmp_path / "k.kpack"))


@pytest.fixture
def symbolic(tmp_path: Path) -> Path:
    """A pack with columns of BTF and of symbols."""
    return kpacks.with_columns(tmp_path)


def test_a_damaged_pack_is_one_error_and_stays_where_it_is(pack: Path) -> None:
    whole = pack.read_bytes()
    refused = 0
    for number in range(150):
        data = mutated(random.Random(number), [whole])
        pack.write_bytes(data)
        try:
            told(opened(pack))
        except InputError:
            refused += 1
        assert pack.read_bytes() == data
    assert refused > 50


@pytest.mark.parametrize("harm", ["version", "cut", "form", "digest", "modules"])
def test_packs_of_another_form(harm: str, pack: Path) -> None:
    data = pack.read_bytes()
    if harm == "version":
        pack.write_bytes(data.replace(b"kernel-pack:2", b"kernel-pack:1"))
    elif harm == "cut":
        pack.write_bytes(data[: len(data) // 2])
    elif harm == "form":
        changed(pack, modules="all of them")
    elif harm == "digest":
        changed(pack, sha256={})
    else:
        changed(pack, modules=[f"m{i}" for i in range(kpack.MOST_MODULES + 1)])
    with pytest.raises(InputError, match="kernel pack"):
        kernel_files([pack])


def test_a_pack_that_lies_about_its_btf_is_refused(pack: Path) -> None:
    """Else what is kept of the BTF that it claims to be would answer for the one that it holds."""
    digests = {name: hashlib.sha256(part(pack, name)).hexdigest() for name in names_of(pack)}
    changed(pack, sha256={**digests, kpack.BTF: hashlib.sha256(b"another").hexdigest()})
    with pytest.raises(InputError, match="another SHA-256"):
        opened(pack)
    changed(pack, sha256={**digests, "config": hashlib.sha256(b"another").hexdigest()})
    with pytest.raises(InputError, match="another SHA-256"):
        kernel_files([pack])


def test_what_a_pack_claims_is_never_kept_for_the_package(tmp_path: Path, own_cache: Path) -> None:
    """A pack names a package's inputs and image, and other modules: the package's own are read all the same."""
    whole = package(tmp_path)
    path = Path(pack_of(whole, tmp_path / "k.kpack"))
    default_cache().clear()
    forged = ModuleSections(make.split(["forged"]))
    changed(path, parts=packing.module_parts({"m": lambda: forged}, string_section(make.base().build())))
    (lying,), (real,) = kernel_files([path]), kernel_files([whole])
    assert lying.module_search is not None and real.module_search is not None
    assert lying.module_search.find(["forged"]) == {"forged": ("m",)}
    assert real.module_search.find(["forged", "probe"]) == {"probe": ("m",)}
    assert lying.image_sha256 != real.image_sha256
    assert memo.content_digest(lying) != memo.content_digest(real)


LIES = {
    "zeros": lambda data: bytes(len(data)),
    "ones": lambda data: b"\xff" * len(data),
    "turned": lambda data: data[::-1],
    "shorter": lambda data: data[: len(data) // 16 * 8],
    "longer": lambda data: data * 2,
    "odd": lambda data: data[:-1],
    "none": lambda data: b"",
    "steps": lambda data: bytes(range(256)) * (len(data) // 256) + data[: len(data) % 256],
}


@pytest.mark.parametrize("lie", LIES)
def test_columns_that_lie_give_bounded_answers_or_one_error(lie: str, symbolic: Path) -> None:
    """Each column in turn, with right digests: what whoever made the file wanted them to be."""
    whole = symbolic.read_bytes()
    columns = [name for name in names_of(symbolic) if "/" in name]
    assert {"btf/starts", "btf/keys", "btf/data", "symbols/text", "symbols/by_key"} <= set(columns)
    for name in columns:
        symbolic.write_bytes(whole)
        changed(symbolic, parts={name: LIES[lie](part(symbolic, name))})
        with contextlib.suppress(InputError):
            asked(symbolic)


@pytest.mark.parametrize("seed", range(40))
def test_numbers_of_columns_that_lie(seed: int, symbolic: Path) -> None:
    chance = random.Random(seed)
    whole = {name: part(symbolic, name) for name in names_of(symbolic)}
    parts = {}
    for name in chance.sample(sorted(name for name in whole if "/" in name), chance.choice((1, 1, 2, 5))):
        parts[name] = bytearray(whole[name])
        for _ in range(chance.choice((1, 3, 9))):
            at = chance.randrange(len(whole[name]) or 1)
            parts[name][at : at + 1] = chance.choice((b"\0", b"\1", b"\x7f", b"\xff", bytes([chance.randrange(256)])))
        parts[name] = bytes(parts[name])
    changed(symbolic, parts=parts)
    with contextlib.suppress(InputError):
        asked(symbolic)


@pytest.mark.parametrize("column", ["starts", "names", "info", "third", "kinds"])
def test_columns_are_those_of_the_btf_beside_them(column: str, symbolic: Path) -> None:
    """One number of one type, to be seen without numpy: else its pack would answer for another kernel."""
    data = part(symbolic, f"btf/{column}")
    for at in (0, len(data) // 2 & -4, len(data) - 1):
        lie = bytearray(data)
        lie[at] ^= 1
        changed(symbolic, parts={f"btf/{column}": bytes(lie)})
        with pytest.raises(InputError, match="columns of btf do not fit"):
            opened(symbolic)


@pytest.mark.parametrize("column", ["order", "offsets"])
def test_an_index_of_other_names_is_an_error_where_it_is_asked(column: str, symbolic: Path) -> None:
    changed(symbolic, parts={f"btf/{column}": LIES["turned"](part(symbolic, f"btf/{column}"))})
    with pytest.raises(InputError):
        asked(symbolic)


@pytest.mark.parametrize("what", ["member", "typedef"])
def test_types_that_refer_to_nothing_are_an_error_where_they_are_used(what: str, symbolic: Path) -> None:
    """With all columns as such words make them."""
    data, kernel = bytearray(part(symbolic, kpack.BTF)), opened(symbolic).vmlinux
    assert kernel is not None
    (task,), (chain,) = kernel.own("task_struct", Kind.STRUCT), kernel.own("chain", Kind.TYPEDEF)
    first = kernel.header.types[0]
    starts = memoryview(part(symbolic, "btf/starts")).cast("i").tolist()
    at = first + 4 * (starts[task - 1] + 4 if what == "member" else starts[chain - 1] + 2)
    data[at : at + 4] = (999_999).to_bytes(4, "little")
    third = array("I", memoryview(part(symbolic, "btf/third")).cast("I").tolist())
    if what == "typedef":
        third[chain - 1] = 999_999
    changed(symbolic, parts={kpack.BTF: bytes(data), "btf/third": third.tobytes()})
    lying = opened(symbolic).vmlinux
    assert lying is not None
    with pytest.raises(InputError, match="999999 does not exist"):
        lying.size(lying.members(task)[0].type if what == "member" else chain)


@pytest.mark.parametrize(
    "harm", [{"arch": "m69k"}, {"version": "new"}, {"version_source": "me"}, {"modules": ["m", "m"]}]
)
def test_words_that_no_pack_has(harm: dict[str, Any], pack: Path) -> None:
    changed(pack, **harm)
    with pytest.raises(InputError, match="damaged kernel pack"):
        kernel_files([pack])


@pytest.mark.parametrize("name", ["image", "listed"])
@pytest.mark.parametrize(
    "data", [b"{}", b"[[],[],[[]]]", b'[[["a",1,[],"",null,false,""]],[],null]', b'{"traceable":3}']
)
def test_facts_of_another_form(name: str, data: bytes, pack: Path) -> None:
    """What was read from the image is a fact of its form, a problem, or nothing."""
    changed(pack, parts={name: data}, failed={})
    with contextlib.suppress(InputError):
        told(opened(pack))


@pytest.mark.parametrize("name", [kpack.STRINGS, kpack.USES])
def test_names_of_modules_of_another_size(name: str, pack: Path) -> None:
    changed(pack, parts={name: part(pack, name) + bytes(4)})
    (files,) = kernel_files([pack])
    assert files.module_search is not None
    with pytest.raises(InputError, match="names of modules"):
        files.module_search.find(["probe"])


def test_a_pack_has_the_index_of_its_modules(tmp_path: Path, own_cache: Path) -> None:
    """What a search of the package's modules finds, and nothing is written for it."""
    whole = package(tmp_path)
    path = pack_of(whole, tmp_path / "k.kpack")
    ((files,), (direct,)) = kernel_files([path]), kernel_files([whole])
    assert files.module_search is not None and direct.module_search is not None
    names = ["probe", "module_probe", "shared", "int", "function_3", "nowhere"]
    found = direct.module_search.find(names)
    default_cache().clear()
    assert files.module_search.find(names) == found and found["probe"] == ("m",)
    assert files.module_search.with_sets() == direct.module_search.with_sets() == ("m",)
    assert files.module_search.borrowed() == direct.module_search.borrowed()
    mine, theirs = files.module_search.names_of("m"), direct.module_search.names_of("m")
    assert mine is not None and theirs is not None
    assert (mine[0], mine[1].tolist()) == (theirs[0], theirs[1].tolist())
    assert files.module_search.names_of("nowhere") is None and files.module_search.problems() == ()
    default_cache().clear()
    files.module_search.prepare()
    assert not default_cache().entries()
    again = pickle.loads(pickle.dumps(files.module_search))
    assert again.find(names) == found


def test_modules_that_share_bytes_have_a_bound(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may claim one large frame for each of many modules."""
    monkeypatch.setattr(kpack, "MOST_OF_MODULES", 10)
    (files,) = kernel_files([pack])
    with pytest.raises(InputError, match="sections of modules"):
        files.modules["m"]()


def test_a_part_that_unpacks_to_too_much_is_not_unpacked(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kpack, "LARGEST_PART", 64)
    with pytest.raises(InputError, match="damaged kernel pack"):
        kernel_files([pack])


def test_a_pack_is_not_packed_again(pack: Path) -> None:
    (files,) = kernel_files([pack])
    with pytest.raises(InputError, match="already"):
        packed(files)


def test_a_pack_keeps_that_libbpf_finds_no_version_r_12_29(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz-7.3-amd64").write_bytes(make.vmlinux("7.3-amd64"))
    assert opened(pack_of(tmp_path / "vmlinuz-7.3-amd64", tmp_path / "k.kpack")).unnumbered
