# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A packed kernel gives the answers of the files it was made from, and a hostile one no others than an InputError."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.cli.inspect.files import describe_kernel
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.binary import image_facts
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.kernel.packing import packed
from kfuncscope.resources import sample
from kfuncscope.session.purpose import is_kernel
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage import kernelpack as kpack
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.pack import PackWriter, read_table
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.analyse import analyse
from support import archivewriter as write
from support import kernelfiles as make
from support.fuzztargets import FILES
from support.mutate import mutated

SAMPLES = sorted(p.parent.name for p in sample("kernels").glob("*/vmlinux.btf.xz"))


def pack_of(path: Path | str, into: Path) -> str:
    (files,) = kernel_files([path])
    into.write_bytes(packed(files))
    return str(into)


def opened(path: Path | str) -> Kernel:
    (files,) = kernel_files([path])
    return open_kernel(files)


def package(tmp_path: Path, image: bytes | None = None) -> Path:
    path = tmp_path / "linux-image.deb"
    files = FILES if image is None else {**FILES, f"boot/vmlinuz-{make.RELEASE}": write.compress(image, "gz")}
    path.write_bytes(write.deb(files))
    return path


def told(kernel: Kernel) -> dict[str, Any]:
    """What every command says of a kernel, and of its modules."""
    unreadable = kernel.modules.read_all()
    modules = {name: kernel.modules.sections(name) for name in kernel.modules.names}
    registries = {name: sorted(r.kfuncs) for name in modules if (r := kernel.module_kfuncs(name)) is not None}
    return {**describe_kernel(kernel), "m": modules, "r": registries, "u": unreadable, "p": kernel.problems,
            "inputs": kernel.files.inputs, "probed": kernel.probed, "listed": kernel.listed}  # fmt: skip


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


# -- hostile packs


def changed(path: Path, **words: Any) -> None:
    """Write a pack again with another account of itself, as somebody who knows the form can."""
    with path.open("rb") as file:
        pack = read_table(file, path, kpack.FORMAT)
    assert pack is not None
    parts = {name: pack.part(name, 1 << 30) for name in pack.names()}
    parts |= words.pop("parts", {})
    meta = {**pack.meta, **words}
    into = io.BytesIO()
    into.write(kpack.HEAD)
    writer = PackWriter(into, Path(), Path())
    for name, data in parts.items():
        writer.add(name, data)
    writer.end(meta)
    path.write_bytes(into.getvalue())


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(pack_of(package(tmp_path), tmp_path / "k.kpack"))


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
        pack.write_bytes(data.replace(b"kernel-pack:1", b"kernel-pack:9"))
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
    claimed = hashlib.sha256(b"another").hexdigest()
    digests = {"btf": claimed, "config": hashlib.sha256(make.config()).hexdigest()}
    changed(pack, sha256=digests)
    with pytest.raises(InputError, match="another SHA-256"):
        kernel_files([pack])


def test_what_a_pack_claims_is_never_kept_for_the_package(tmp_path: Path, own_cache: Path) -> None:
    """A pack names a package's inputs and image, and other modules: the package's own are read all the same."""
    whole = package(tmp_path)
    path = Path(pack_of(whole, tmp_path / "k.kpack"))
    default_cache().clear()
    changed(path, parts={"modules/m/btf": make.split(["forged"])})
    (forged,), (real,) = kernel_files([path]), kernel_files([whole])
    assert forged.module_search is not None and real.module_search is not None
    assert forged.module_search.find(["forged"]) == {"forged": ("m",)}
    assert real.module_search.find(["forged", "probe"]) == {"probe": ("m",)}
    assert forged.image_sha256 != real.image_sha256


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
