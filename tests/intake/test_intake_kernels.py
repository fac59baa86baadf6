# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels from every kind of file and layout, put together by release and architecture."""

from __future__ import annotations

import lzma
import os
import pickle
import shutil
from pathlib import Path

import pytest

from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles
from kfuncscope.storage.pack import PackWriter
from support import archivewriter as write
from support import kernelfiles as make

pytestmark = pytest.mark.usefixtures("own_cache")
BTF = make.base().build()
R = make.RELEASE
MODULES = {
    "net/nf_conntrack": make.module(["nf_conntrack_in", "bpf_ct_release"], {"nf_ct_kfunc_set": 3}),
    "drivers/x-y": make.module(["xy_probe"]),
}


def save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def modules(prefix: str = "lib/modules", how: str = "xz", release: str = R) -> dict[str, bytes]:
    suffix = f".{how}" if how else ""
    return {f"{prefix}/{release}/kernel/{name}.ko{suffix}": write.compress(data, how) for name, data in MODULES.items()}


def check_whole(kernel: KernelFiles, *, symbols: bool = False) -> None:
    """All parts of the small kernel are there."""
    assert (kernel.arch, kernel.release, kernel.problems) == ("x86_64", R, ())
    assert kernel.btf == BTF
    assert kernel.config == make.config()
    assert sorted(kernel.modules) == ["nf_conntrack", "x_y"]
    sections = kernel.modules["nf_conntrack"]()
    assert sections.btf == make.split(["nf_conntrack_in", "bpf_ct_release"])
    assert sections.set8 == (("__BTF_ID__set8__nf_ct_kfunc_set", 0, 32),)
    assert len(sections.btf_ids) == 32
    assert kernel.symbols == (make.SYMBOLS if symbols else None)
    assert kernel.image is not None
    assert kernel.image() == make.vmlinux()
    assert kernel.image_sha256
    assert kernel.kallsyms is not None


VMLINUZ = write.bzimage(write.compress(make.vmlinux(), "zst"))
STUB = b"ffffffffffffffff B The real System.map is in the linux-image-dbg package\n"
LAYOUTS: dict[str, list[bytes]] = {
    "Debian 6.x, one package": [
        write.deb(
            {
                f"boot/System.map-{R}": STUB,
                f"boot/config-{R}": make.config(),
                f"boot/vmlinuz-{R}": VMLINUZ,
                **modules("usr/lib/modules"),
            },
            name=f"linux-image-{R}",
        )
    ],
    "Debian 7.x, split": [
        write.deb({f"usr/lib/modules/{R}/vmlinuz": VMLINUZ}, name=f"linux-binary-{R}"),
        write.deb({f"usr/lib/modules/{R}/config": make.config(), f"usr/lib/modules/{R}/System.map": STUB}),
        write.deb(modules("usr/lib/modules"), name=f"linux-modules-{R}"),
        write.deb({"usr/share/doc/linux-image/copyright": b"meta"}, name=f"linux-image-{R}"),
    ],
    "image and modules apart": [
        write.deb({f"boot/vmlinuz-{R}": write.compress(VMLINUZ, "gz")}, how="zst"),
        write.deb({f"boot/config-{R}": make.config(), **modules(how="zst")}, how="zst"),
    ],
    "rpm": [
        write.rpm({f"lib/modules/{R}/vmlinuz": VMLINUZ, f"lib/modules/{R}/config": make.config()}, name="kernel-core"),
        write.rpm(modules(), name="kernel-modules-core", how="xz"),
    ],
    "a tar archive of a root": [
        write.tar({f"./boot/vmlinuz-{R}": VMLINUZ, f"./boot/config-{R}": make.config(), **modules(how="")}, "gz")
    ],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_packages_of_every_layout(layout: str, tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.package", data) for number, data in enumerate(LAYOUTS[layout])]
    kernels = kernel_files(paths)
    problems, kernels[0].problems = kernels[0].problems, ()
    assert len(kernels) == 1
    check_whole(kernels[0])
    # The meta package holds nothing of a kernel, which is told and harms nothing.
    assert [p.reason for p in problems] == (["no kernel in it (ar archive)"] if "split" in layout else [])
    again = kernel_files(paths)
    again[0].problems = ()
    check_whole(again[0])


def test_real_symbols_are_taken_and_a_stub_is_not(tmp_path: Path) -> None:
    image, config = save(tmp_path / f"vmlinuz-{R}", VMLINUZ), save(tmp_path / f"config-{R}", make.config())
    for text, expected in ((STUB, None), (make.SYMBOLS, make.SYMBOLS)):
        symbols = save(tmp_path / f"System.map-{R}", text)
        (kernel,) = kernel_files([image, config, symbols])
        assert kernel.symbols == expected
        assert (kernel.btf, kernel.config) == (BTF, make.config())


def test_files_of_two_kernels_given_together(tmp_path: Path) -> None:
    other = "7.3.4+test-amd64"
    paths = []
    for release in (R, other):
        data = {f"boot/vmlinuz-{release}": make.vmlinux(release), f"boot/config-{release}": make.config(release[:5])}
        paths.append(save(tmp_path / f"linux-image-{release}.deb", write.deb(data)))
        paths.append(save(tmp_path / f"linux-modules-{release}.deb", write.deb(modules(release=release))))
    kernels = kernel_files([paths[0], paths[3], paths[2], paths[1]])
    assert [(k.release, len(k.modules), len(k.inputs)) for k in kernels] == [(R, 2, 2), (other, 2, 2)]


def test_one_release_of_two_architectures_is_two_kernels(tmp_path: Path) -> None:
    release = "7.3.4-300.fc44"
    one = write.rpm({f"lib/modules/{release}/vmlinuz": make.vmlinux(release)}, arch="x86_64")
    two = write.rpm({f"lib/modules/{release}/vmlinuz": make.vmlinux(release, machine=183)}, arch="aarch64")
    kernels = kernel_files([save(tmp_path / "one.rpm", one), save(tmp_path / "two.rpm", two)])
    assert [k.arch for k in kernels] == ["x86_64", "arm64"]


def test_a_kernel_without_btf_is_a_kernel(tmp_path: Path) -> None:
    release = "7.2.13+deb14-armmp"
    data = {
        f"usr/lib/modules/{release}/vmlinuz": make.vmlinux(release, btf=False, machine=40),
        f"usr/lib/modules/{release}/config": make.config("7.2.13", "arm", "ARM"),
    }
    (kernel,) = kernel_files([save(tmp_path / "k.deb", write.deb(data, arch="armhf"))])
    assert (kernel.arch, kernel.release, kernel.btf, kernel.problems) == ("arm", release, None, ())
    assert kernel.config is not None


@pytest.mark.parametrize("how", ["", "xz", "gz", "zst"])
def test_raw_btf_with_siblings(how: str, tmp_path: Path) -> None:
    suffix = f".{how}" if how else ""
    path = save(tmp_path / f"vmlinux.btf{suffix}", write.compress(BTF, how))
    save(tmp_path / f"config{suffix}", write.compress(make.config(), how))
    save(tmp_path / f"symbols{suffix}", write.compress(make.SYMBOLS, how))
    save(tmp_path / "modules" / f"nf-ct.btf{suffix}", write.compress(make.split(["x"]), how))
    for given in (path, tmp_path):
        (kernel,) = kernel_files([given])
        assert (kernel.btf, kernel.config, kernel.symbols) == (BTF, make.config(), make.SYMBOLS)
        assert (kernel.arch, kernel.release) == ("x86_64", "6.12.107")
        assert kernel.modules["nf_ct"]().btf == make.split(["x"])
        assert len(kernel.inputs) == 3


def test_named_parts(tmp_path: Path) -> None:
    one = save(tmp_path / "any", write.compress(BTF, "zst"))
    two = save(tmp_path / "other", make.config("7.3.4", "arm64", "64BIT"))
    save(tmp_path / "mods" / "veth.btf", make.split(["veth_xmit"]))
    (kernel,) = kernel_files([f"btf={one},config={two},modules={tmp_path / 'mods'}"])
    assert (kernel.btf, kernel.arch, kernel.release, list(kernel.modules)) == (BTF, "arm64", "7.3.4", ["veth"])
    for bad in (f"btf={one},kernel=x", f"btf={one},btf={one}", "btf=", f"btf={two}", f"btf={one},x"):
        with pytest.raises(KernelError):
            kernel_files([bad])


def _build_tree(folder: Path) -> Path:
    save(folder / "vmlinux", make.vmlinux())
    save(folder / ".config", make.config())
    save(folder / "System.map", make.SYMBOLS)
    save(folder / "drivers" / "net" / "veth.ko", make.module(["veth_xmit"]))
    save(folder / "net" / "fine.o", b"")
    return folder


def test_a_build_tree_is_one_kernel_with_its_modules(tmp_path: Path) -> None:
    """``make`` leaves files without a release in their names; the image tells it."""
    (kernel,) = kernel_files([_build_tree(tmp_path)])
    assert (kernel.btf, kernel.release, kernel.arch, kernel.symbols) == (BTF, make.RELEASE, "x86_64", make.SYMBOLS)
    assert kernel.config == make.config() and list(kernel.modules) == ["veth"] and kernel.image is not None
    assert kernel.modules["veth"]().btf == make.split(["veth_xmit"])
    assert {Path(one.path).name for one in kernel.inputs} == {"vmlinux", ".config", "System.map"}


@pytest.mark.parametrize("gone", ["vmlinux", ".config"])
def test_a_folder_without_either_is_no_build_tree(gone: str, tmp_path: Path) -> None:
    (_build_tree(tmp_path) / gone).unlink()
    kernels = kernel_files([tmp_path])
    assert not any(kernel.modules for kernel in kernels) and all(not (k.btf and k.config) for k in kernels)


def test_the_parts_of_a_build_tree_named(tmp_path: Path) -> None:
    tree = _build_tree(tmp_path)
    (kernel,) = kernel_files([f"btf={tree}/vmlinux,config={tree}/.config,symbols={tree}/System.map,modules={tree}"])
    (whole,) = kernel_files([tree])
    assert (kernel.btf, kernel.release, kernel.config) == (whole.btf, whole.release, whole.config)
    assert list(kernel.modules) == ["veth"] and kernel.symbols == make.SYMBOLS
    (bare,) = kernel_files([f"btf={tree}/vmlinux"])
    assert bare.btf == BTF and bare.config is None and not bare.modules


def test_btfhub_archive(tmp_path: Path) -> None:
    path = save(tmp_path / "5.4.0-91-generic.btf.tar.xz", write.tar({"5.4.0-91-generic.btf": BTF}, "xz"))
    (kernel,) = kernel_files([path])
    assert (kernel.btf, kernel.release, kernel.label) == (BTF, "5.4.0-91-generic", "5.4.0-91-generic")


def test_a_bare_image_knows_its_release_from_the_banner(tmp_path: Path) -> None:
    for name, data in (("vmlinuz", VMLINUZ), ("some.file", make.vmlinux()), ("x.xz", lzma.compress(make.vmlinux()))):
        (kernel,) = kernel_files([save(tmp_path / name, data)])
        assert (kernel.release, kernel.arch, kernel.btf) == (R, "x86_64", BTF)


def test_folders_of_a_system(tmp_path: Path) -> None:
    for prefix in ("one/usr/lib/modules", "two/lib/modules"):
        root = tmp_path / prefix.partition("/")[0]
        save(root / f"boot/vmlinuz-{R}", VMLINUZ)
        save(root / f"boot/config-{R}", make.config())
        save(root / f"boot/System.map-{R}", make.SYMBOLS)
        (root / "boot/vmlinuz").symlink_to(f"vmlinuz-{R}")
        for name, data in modules().items():
            save(tmp_path / name.replace("lib/modules", prefix), data)
        save(tmp_path / prefix / R / "build/config-6.0", b"not this")
        for given in (root, root / "boot"):
            (kernel,) = kernel_files([given])
            check_whole(kernel, symbols=True)


def test_a_folder_of_modules_alone_and_with_its_image(tmp_path: Path) -> None:
    for name, data in modules("usr/lib/modules", "").items():
        save(tmp_path / name, data)
    folder = tmp_path / "usr/lib/modules" / R
    (kernel,) = kernel_files([folder])
    assert (kernel.btf, sorted(kernel.modules), kernel.arch) == (None, ["nf_conntrack", "x_y"], "x86_64")
    save(folder / "vmlinuz", VMLINUZ)
    save(folder / "config", make.config())
    (kernel,) = kernel_files([folder])
    check_whole(kernel)


def test_a_folder_of_packages(tmp_path: Path) -> None:
    for number, data in enumerate(LAYOUTS["rpm"]):
        save(tmp_path / f"{number}.rpm", data)
    save(tmp_path / "README.txt", b"not a kernel")
    (kernel,) = kernel_files([tmp_path])
    check_whole(kernel)


def test_bad_files_are_problems_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = save(tmp_path / "good.deb", LAYOUTS["Debian 6.x, one package"][0])
    cut = save(tmp_path / "cut.deb", good.read_bytes()[: good.stat().st_size // 2])
    text = save(tmp_path / "text", b"hello")
    evil = save(tmp_path / "evil.tar", write.tar({"../boot/vmlinuz-1.2.3": b"x"}))
    os.mkfifo(tmp_path / "fifo")
    paths = [cut, text, tmp_path / "missing", good, evil, tmp_path / "fifo"]
    (kernel,) = kernel_files(paths)
    assert kernel.release == R
    assert {p.path for p in kernel.problems} == {str(p) for p in paths if p != good}
    for path in paths:
        if path != good:
            with pytest.raises(InputError):
                kernel_files([path])
    with pytest.raises(KernelError):
        kernel_files([])


def test_a_damaged_image_leaves_the_rest_of_the_package(tmp_path: Path) -> None:
    data = {f"boot/vmlinuz-{R}": b"MZ damaged", f"boot/config-{R}": make.config(), **modules()}
    (kernel,) = kernel_files([save(tmp_path / "k.deb", write.deb(data))])
    assert (kernel.btf, kernel.config, len(kernel.modules)) == (None, make.config(), 2)
    assert [p.path for p in kernel.problems] == [f"{tmp_path}/k.deb:boot/vmlinuz-{R}"]


def test_damaged_cache_is_made_anew(tmp_path: Path, own_cache: Path) -> None:
    path = save(tmp_path / "k.deb", LAYOUTS["Debian 6.x, one package"][0])
    check_whole(kernel_files([path])[0])
    for entry in own_cache.glob("*.kfs"):
        data = bytearray(entry.read_bytes())
        data[len(data) // 3] ^= 0xFF
        entry.write_bytes(data)
    check_whole(kernel_files([path])[0])
    default_cache().clear()
    check_whole(kernel_files([path])[0])


def test_readers_outlive_the_cache_and_cross_processes(tmp_path: Path) -> None:
    path = save(tmp_path / "k.deb", LAYOUTS["Debian 6.x, one package"][0])
    kernel = pickle.loads(pickle.dumps(kernel_files([path])[0]))
    default_cache().clear()
    check_whole(kernel)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = save(tmp_path / "k.deb", LAYOUTS["Debian 6.x, one package"][0])
    check_whole(kernel_files([path])[0])
    save(path, write.deb({f"boot/config-{R}": make.config()}))
    (kernel,) = kernel_files([path])
    assert (kernel.btf, kernel.config) == (None, make.config())


class _StopError(Exception):
    pass


def test_progress_is_told_and_cancels(tmp_path: Path, own_cache: Path) -> None:
    path = save(tmp_path / "k.deb", LAYOUTS["Debian 6.x, one package"][0])
    told: list[tuple[int, int, str]] = []

    def stop(done: int, total: int, label: str) -> None:
        assert total == 1000
        if done > 0:
            raise _StopError

    with pytest.raises(_StopError):
        kernel_files([path], stop)
    assert not list(own_cache.glob("draft-*"))
    kernel_files([path], lambda *step: told.append(step))
    assert all(0 <= done <= total for done, total, _ in told)
    assert told[-1][0] == told[-1][1]
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_module_search(tmp_path: Path) -> None:
    path = save(tmp_path / "k.deb", LAYOUTS["Debian 6.x, one package"][0])
    (kernel,) = kernel_files([path])
    search = kernel.module_search
    assert search is not None
    told: list[int] = []
    search.prepare(lambda done, total, label: told.append(total))
    assert told == [2, 2]
    for again in (search, pickle.loads(pickle.dumps(search)), kernel_files([path])[0].module_search):
        assert again.with_sets() == ("nf_conntrack",)
        found = again.find(["bpf_ct_release", "xy_probe", "function_1", "nowhere", ""])
        assert found == {"bpf_ct_release": ("nf_conntrack",), "xy_probe": ("x_y",)}


def test_module_search_finds_names_that_stand_in_the_kernels_strings(tmp_path: Path) -> None:
    # "module_probe" is a member's name in the kernel, so the module's own strings do not have it.
    data = {f"boot/vmlinuz-{R}": VMLINUZ, f"lib/modules/{R}/a.ko": make.module(["module_probe", "other"])}
    (kernel,) = kernel_files([save(tmp_path / "k.deb", write.deb(data))])
    assert b"module_probe" not in kernel.modules["a"]().btf
    assert kernel.module_search is not None
    assert kernel.module_search.find(["module_probe", "flags"]) == {"module_probe": ("a",)}


def test_module_search_for_many_names_is_the_same_as_one_by_one(tmp_path: Path) -> None:
    names = [["read", "read___v2", "x___a___b"], ["write", "reader", "module_probe"], ["shared___old", "x"]]
    data = {f"lib/modules/{R}/m{number}.ko": make.module(functions) for number, functions in enumerate(names)}
    data[f"boot/vmlinuz-{R}"] = VMLINUZ
    (kernel,) = kernel_files([save(tmp_path / "k.deb", write.deb(data))])
    assert kernel.module_search is not None
    asked = [
        "read",
        "x",
        "x___a",
        "write",
        "shared",
        "module_probe",
        "v2",
        "wri",
        "int",
        *(f"no{n}" for n in range(20)),
    ]
    single = {name: kernel.module_search.find([name]).get(name) for name in asked}
    many = kernel.module_search.find(asked)
    assert many == {name: modules for name, modules in single.items() if modules}
    assert many == {
        "module_probe": ("m1",),
        "read": ("m0",),
        "shared": ("m2",),
        "write": ("m1",),
        "x": ("m0", "m2"),
        "x___a": ("m0",),
    }


def test_who_reads_module_after_module_gets_the_index_made(tmp_path: Path, own_cache: Path) -> None:
    modules = {f"lib/modules/{R}/m{number}.ko": make.module([f"f{number}"], {"set": 1}) for number in range(60)}
    (kernel,) = kernel_files([save(tmp_path / "k.deb", write.deb(modules))])
    readers = dict(kernel.modules)
    alone = {name: readers[name]() for name in sorted(readers)[:20]}
    assert not any(e.key.startswith("modules:") for e in default_cache().entries())
    for name in readers:
        readers[name]()
    assert any(e.key.startswith("modules:") for e in default_cache().entries())
    assert {name: readers[name]() for name in alone} == alone
    for entry in own_cache.glob("*.kfs"):
        entry.write_bytes(b"damaged")
    assert {name: readers[name]() for name in alone} == alone


def test_a_damaged_module_is_told_and_the_others_are_found(tmp_path: Path) -> None:
    data = {f"boot/vmlinuz-{R}": VMLINUZ, f"lib/modules/{R}/bad.ko.xz": b"\xfd7zXZ\0 damaged", **modules()}
    (kernel,) = kernel_files([save(tmp_path / "k.deb", write.deb(data))])
    with pytest.raises(InputError, match=r"bad\.ko\.xz"):
        kernel.modules["bad"]()
    assert kernel.module_search is not None
    assert kernel.module_search.with_sets() == ("nf_conntrack",)
    assert [name for name, _ in kernel.module_search.problems()] == ["bad"]


def test_modules_of_a_folder_that_change_make_a_new_index(tmp_path: Path) -> None:
    folder = tmp_path / "lib/modules" / R
    save(folder / "kernel/a.ko", make.module(["first"]))
    assert kernel_files([folder])[0].module_search.find(["first", "second"]) == {"first": ("a",)}  # type: ignore[union-attr]
    save(folder / "kernel/a.ko", make.module(["second_longer", "second"]))
    assert kernel_files([folder])[0].module_search.find(["first", "second"]) == {"second": ("a",)}  # type: ignore[union-attr]


def test_the_kernel_that_runs_here_or_a_clear_error(own_cache: Path) -> None:
    if os.path.exists("/sys/kernel/btf/vmlinux"):
        (kernel,) = kernel_files(["running"])
        assert kernel.btf
        assert kernel.release == os.uname().release
    else:
        with pytest.raises(InputError, match="/sys/kernel/btf/vmlinux"):
            kernel_files(["running"])
    shutil.rmtree(own_cache, ignore_errors=True)


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/k\xff.deb"))
    path.write_bytes(LAYOUTS["Debian 6.x, one package"][0])
    (kernel,) = kernel_files([path])
    default_cache().clear()
    check_whole(kernel)
    assert kernel.inputs[0].path == f"{tmp_path}/k\\xff.deb"


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "k.deb", LAYOUTS["Debian 6.x, one package"][0])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(PackWriter, "close", full)
        with pytest.raises(KernelError, match="No space left"):
            kernel_files([path])
        objects, problems = object_files([save(tmp_path / "o.deb", write.deb({"a.o": b"", **modules()}))])
        assert (objects, [p.reason for p in problems]) == ([], ["no BPF object was found in it"])
    check_whole(kernel_files([path])[0])


@pytest.mark.parametrize("by", ["image", "package", "neither"])
def test_kernels_without_a_version_for_libbpf_r_12_29(by: str, tmp_path: Path) -> None:
    """The image tells it, or the package's own version; the heading of the config has three numbers all the same."""
    release = "7.3-amd64"
    inside = {f"boot/config-{release}": b"# Linux/x86 7.3.0-rc7 Kernel Configuration\nCONFIG_BPF=y\n"}
    if by == "image":
        inside[f"boot/vmlinuz-{release}"] = make.vmlinux(release)
    names = {"image": "k", "package": f"linux-base-{release}", "neither": "k"}
    other = save(tmp_path / "b.deb", write.deb(modules(release=release), name="linux-modules-other", version="7.3.1-1"))
    paths = [save(tmp_path / "a.deb", write.deb(inside, name=names[by], version="7.3~rc7-1~exp1"))]
    for given in (paths, [other, *paths]):
        (found,) = kernel_files(given)
        assert found.unnumbered == (by != "neither")
