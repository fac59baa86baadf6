# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels as distributions split and name them: Ubuntu, Fedora and RHEL, SUSE, Arch, unified images, meta packages.

Which package holds what follows the packaging of each: Ubuntu's debian/rules.d/2-binary-arch.mk, Fedora's kernel.spec,
SUSE's rpm/kernel-binary.spec.in, Arch's PKGBUILD of linux.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from test_intake_kernels import BTF, VMLINUZ, R, check_whole, modules, save

from kfuncscope.arch import arch_of_release
from kfuncscope.errors import KernelError
from kfuncscope.intake.kernels import kernel_files, named_kernels
from support import archivewriter as write
from support import kernelfiles as make

pytestmark = pytest.mark.usefixtures("own_cache")
FEDORA = "6.12.107-300.fc44.x86_64"
DEBIAN = "7.2.13+deb14-amd64"


def part(name: str, prefix: str = "lib/modules", how: str = "zst") -> dict[str, bytes]:
    """One of the modules, in its place."""
    return {path: data for path, data in modules(prefix, how).items() if name in path}


def with_config(vmlinux: bytes) -> bytes:
    """The kernel with its config inside (CONFIG_IKCONFIG)."""
    return vmlinux + b"IKCFG_ST" + gzip.compress(make.config(), mtime=0) + b"IKCFG_ED"


UBUNTU = {
    "linux-image-unsigned": {f"boot/vmlinuz-{R}": VMLINUZ, f"usr/share/doc/linux-image-unsigned-{R}/copyright": b"x"},
    "linux-modules": {
        f"boot/System.map-{R}": make.SYMBOLS,
        f"boot/config-{R}": make.config(),
        f"lib/modules/{R}/modules.builtin": b"kernel/fs/ext4/ext4.ko\n",
        **part("nf_conntrack"),
    },
    "linux-modules-extra": part("x-y"),
    "linux-buildinfo": {f"usr/lib/linux/{R}/{name}": b"text" for name in ("abi", "compiler", "modules", "fwinfo")}
    | {f"usr/lib/linux/{R}/config": make.config()},
}
FEDORA_PARTS = {
    "kernel-core": {
        f"lib/modules/{R}/vmlinuz": VMLINUZ,
        f"lib/modules/{R}/config": make.config(),
        f"lib/modules/{R}/System.map": make.SYMBOLS,
        f"lib/modules/{R}/symvers.xz": write.compress(b"0x1 symbol vmlinux EXPORT_SYMBOL\n" * 200, "xz"),
        f"lib/modules/{R}/.vmlinuz.hmac": b"x",
        f"lib/modules/{R}/dtb/vendor/board.dtb": b"\xd0\x0d\xfe\xed",
    },
    "kernel-modules-core": part("nf_conntrack", how="xz"),
    "kernel-modules-extra": part("x-y", how="xz"),
}
SUSE = {
    "kernel-default": {
        f"usr/lib/modules/{R}/vmlinuz": VMLINUZ,
        f"usr/lib/modules/{R}/vmlinux.xz": write.compress(make.vmlinux(), "xz"),
        f"usr/lib/modules/{R}/config": make.config(),
        f"usr/lib/modules/{R}/System.map": make.SYMBOLS,
        f"usr/lib/modules/{R}/sysctl.conf": b"kernel.pid_max = 4194304\n",
        f"usr/lib/modules/{R}/symvers.gz": write.compress(b"0x1 symbol vmlinux EXPORT_SYMBOL\n" * 200, "gz"),
        f"usr/lib/modules/{R}/.vmlinuz.hmac": b"x",
        **modules("usr/lib/modules", "zst"),
    },
}
SYSTEMS = {
    "Ubuntu": [write.deb(files, name=f"{name}-{R}", how="zst") for name, files in UBUNTU.items()],
    "Fedora": [write.rpm(files, name=name, how="zst") for name, files in FEDORA_PARTS.items()],
    "RHEL": [write.rpm(files, name=name, how="xz") for name, files in FEDORA_PARTS.items()],
    "SUSE": [
        write.rpm(files, name=name, how="zst", links={f"boot/config-{R}": f"../usr/lib/modules/{R}/config"})
        for name, files in SUSE.items()
    ],
    "SUSE, before the merge of /usr": [
        write.rpm(
            {f"boot/{name}-{R}": data for name, data in (("vmlinuz", VMLINUZ), ("config", make.config()))}
            | {f"boot/System.map-{R}": make.SYMBOLS, f"boot/symvers-{R}.gz": b"", f"boot/sysctl.conf-{R}": b""}
            | {f"boot/vmlinux-{R}.gz": write.compress(make.vmlinux(), "gz"), **modules(how="xz")},
            how="lzma",
        )
    ],
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_packages_of_a_system_are_one_whole_kernel(system: str, backwards: bool, tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.package", data) for number, data in enumerate(SYSTEMS[system])]
    (kernel,) = kernel_files(paths[::-1] if backwards else paths)
    check_whole(kernel, symbols=True)


def test_two_kernels_of_a_system_at_once(tmp_path: Path) -> None:
    """SUSE's base kernel is a smaller package of the same release; another flavour is another kernel."""
    base = {path: data for path, data in SUSE["kernel-default"].items() if "x-y" not in path}
    paths = [save(tmp_path / "kernel-default-base.rpm", write.rpm(base))]
    paths += [save(tmp_path / "kernel-default.rpm", SYSTEMS["SUSE"][0])]
    rt = R.replace("-amd64", "-rt-amd64")
    image = {f"usr/lib/modules/{rt}/vmlinuz": make.vmlinux(rt), f"usr/lib/modules/{rt}/config": make.config()}
    paths += [save(tmp_path / "kernel-rt.rpm", write.rpm(image, name="kernel-rt"))]
    kernels = kernel_files(paths)
    assert [(k.release, len(k.modules), len(k.inputs)) for k in kernels] == [(R, 2, 2), (rt, 0, 1)]


def test_an_s390x_image_of_suse(tmp_path: Path) -> None:
    release = "6.4.0-150600.21-default"
    files = {
        f"usr/lib/modules/{release}/image": write.compress(make.vmlinux(release, machine=22, endian=">"), "gz"),
        f"usr/lib/modules/{release}/config": make.config("6.4.0", "s390", "64BIT"),
    }
    (kernel,) = kernel_files([save(tmp_path / "kernel-default.rpm", write.rpm(files, arch="s390x"))])
    assert (kernel.arch, kernel.release, kernel.problems) == ("s390x", release, ())
    assert kernel.btf == make.base(">").build()


def test_arch_keeps_the_config_in_the_image(tmp_path: Path) -> None:
    image = write.bzimage(write.compress(with_config(make.vmlinux()), "zst"))
    files = {
        ".PKGINFO": b"pkgname = linux\n",
        ".MTREE": b"",
        f"usr/lib/modules/{R}/vmlinuz": image,
        f"usr/lib/modules/{R}/pkgbase": b"linux\n",
        **modules("usr/lib/modules", "zst"),
    }
    (kernel,) = kernel_files([save(tmp_path / "linux.pkg.tar.zst", write.tar(files, "zst"))])
    assert kernel.image is not None
    assert kernel.image() == with_config(make.vmlinux())
    assert (kernel.btf, kernel.config, kernel.problems) == (BTF, make.config(), ())
    assert sorted(kernel.modules) == ["nf_conntrack", "x_y"]
    # A config file says more: it has the comment with the release's version as the package was built.
    own = make.config("6.12.107", "x86", "X86_64", "BPF")
    files[f"usr/lib/modules/{R}/config"] = own
    (kernel,) = kernel_files([save(tmp_path / "other.pkg.tar.zst", write.tar(files, "zst"))])
    assert kernel.config == own


@pytest.mark.parametrize("tail", [b"", b"IKCFG_ST", b"IKCFG_ST\x1f\x8b\x08 cut", b"IKCFG_STno gzip"])
def test_marks_of_a_config_without_one(tail: bytes, tmp_path: Path) -> None:
    (kernel,) = kernel_files([save(tmp_path / "vmlinux", make.vmlinux() + tail)])
    assert (kernel.config, kernel.btf, kernel.problems) == (None, BTF, ())


def test_unified_images(tmp_path: Path) -> None:
    """Fedora's kernel-uki-virt, and a unified image by itself."""
    files = {f"lib/modules/{R}/vmlinuz-virt.efi": write.uki(VMLINUZ), f"lib/modules/{R}/config": make.config()}
    (kernel,) = kernel_files([save(tmp_path / "kernel-uki-virt.rpm", write.rpm(files))])
    assert (kernel.btf, kernel.release, kernel.config, kernel.problems) == (BTF, R, make.config(), ())
    (kernel,) = kernel_files([save(tmp_path / "linux.efi", write.uki(VMLINUZ))])
    assert (kernel.btf, kernel.release) == (BTF, R)


def debian(folder: Path, *, whole: bool = True) -> list[Path]:
    """The packages of a kernel, of which linux-image only needs the others."""
    needs = ", ".join(f"linux-{part}-{DEBIAN} (= 7.2.13-1)" for part in ("base", "binary", "modules"))
    meta = write.deb({"usr/share/doc/x/copyright": b"x"}, name=f"linux-image-{DEBIAN}", depends=f"kmod | x, {needs}")
    paths = [save(folder / f"linux-image-{DEBIAN}.deb", meta)]
    if whole:
        image = {f"usr/lib/modules/{DEBIAN}/vmlinuz": make.vmlinux(DEBIAN)}
        paths.append(save(folder / f"linux-binary-{DEBIAN}.deb", write.deb(image)))
    return paths


def test_a_package_that_stands_for_others_names_them(tmp_path: Path) -> None:
    (path,) = debian(tmp_path, whole=False)
    told = rf"linux-base-{DEBIAN}, linux-binary-{DEBIAN}, linux-modules-{DEBIAN}".replace("+", r"\+")
    with pytest.raises(KernelError, match=told):
        kernel_files([path])
    other = save(tmp_path / "vmlinux", make.vmlinux())
    (kernel,) = kernel_files([path, other])
    assert [p.path for p in kernel.problems] == [str(path)]
    found, problems = named_kernels([str(path), str(other)])
    assert ([name for name, _ in found], [p.path for p in problems]) == ([str(other)], [str(path)])


def test_a_package_that_stands_for_others_lacks_nothing_beside_them(tmp_path: Path) -> None:
    paths = debian(tmp_path)
    for given in (paths, paths[::-1], [tmp_path]):
        (kernel,) = kernel_files(given)
        assert (kernel.release, kernel.btf, kernel.problems) == (DEBIAN, BTF, ())
        assert {entry.path for entry in kernel.inputs} == {str(path) for path in paths}
    found, problems = named_kernels([str(path) for path in paths])
    assert ([kernel.release for _, kernel in found], problems) == ([DEBIAN], [])


def test_fedoras_meta_package(tmp_path: Path) -> None:
    needs = ["kernel-core-uname-r", "kernel-modules-uname-r", "kernel-modules-core-uname-r", "rpmlib(X)"]
    meta = write.rpm({}, name="kernel", version="6.12.107", release="300.fc44", requires=needs)
    core = write.rpm({f"lib/modules/{FEDORA}/vmlinuz": make.vmlinux(FEDORA)}, name="kernel-core")
    paths = [save(tmp_path / "kernel.rpm", meta), save(tmp_path / "kernel-core.rpm", core)]
    (kernel,) = kernel_files(paths)
    assert (kernel.release, kernel.problems, len(kernel.inputs)) == (FEDORA, (), 2)
    with pytest.raises(KernelError, match=r"kernel-core, kernel-modules, kernel-modules-core$"):
        kernel_files(paths[:1])


def test_what_belongs_to_no_given_kernel_is_told(tmp_path: Path) -> None:
    """Debian's one-line note in place of the symbols of another release."""
    note = save(tmp_path / f"System.map-{DEBIAN}", b"ffffffffffffffff B The real System.map is elsewhere\n")
    (kernel,) = kernel_files([save(tmp_path / "vmlinux", make.vmlinux()), note])
    assert [(p.path, p.reason.partition(",")[0]) for p in kernel.problems] == [(str(note), "not a kernel")]


@pytest.mark.parametrize(
    ("release", "arch"),
    [
        ("6.12.107+deb13-amd64", "x86_64"), ("6.12.107+deb13-arm64-16k", "arm64"),
        ("6.12.107+deb13-powerpc64le-64k", "ppc64le"), ("6.1.0-50-rt-686-pae", "i386"),
        ("6.12.107+deb13-armmp-lpae", "arm"), ("5.14.0-427.13.1.el9_4.aarch64+64k", "arm64"),
        ("6.8.9-300.fc40.x86_64", "x86_64"), ("6.8.9-300.fc40.x86_64+debug", "x86_64"),
        ("6.8.0-45-generic", None), ("6.4.0-150600.21-default", None), ("6.16.0-rc1~s390x", None), ("arm64", None),
    ],
)  # fmt: skip
def test_architectures_in_releases(release: str, arch: str | None) -> None:
    assert arch_of_release(release) == arch
