# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guest's user space and kernel parts: closures of imports, libraries and modules."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from kfuncscope.errors import InputError, KernelError
from kfuncscope.prove import kernels
from kfuncscope.prove.guest import initramfs, sources
from kfuncscope.prove.kernels import BootKernel
from support import elfwriter
from support.archivewriter import deb
from support.elfwriter import ElfWriter


@pytest.mark.parametrize(
    ("text", "package", "found"),
    [
        ("import os, a.b", False, {"os", "a.b"}),
        ("from a import b", False, {"a", "a.b"}),
        ("from . import c", False, {"pkg", "pkg.c"}),
        ("from . import c", True, {"pkg.mod", "pkg.mod.c"}),
        ("from ..x import c", True, {"pkg.x", "pkg.x.c"}),
        ("try:\n import a\nexcept ImportError:\n import b", False, {"a", "b"}),
        ("class C:\n import a", False, {"a"}),
        ("def f():\n import a", False, set()),
        ("if x:\n import a\nelse:\n import b", False, {"a", "b"}),
        ("not python!", False, set()),
    ],
)  # fmt: skip
def test_imports_at_import_time(text: str, package: bool, found: set[str]) -> None:
    assert initramfs.imports_of(text.encode(), "pkg.mod", package) == found


def library(soname: str, needed: tuple[str, ...] = (), interpreter: str = "", machine: int = 62) -> bytes:
    """A shared library as far as its dynamic section goes."""
    strings = b"\0" + b"".join(n.encode() + b"\0" for n in (soname, *needed))
    writer = ElfWriter(machine=machine, file_type=3)
    tags, at = [(14, 1)] if soname else [], 1 + len(soname) + 1
    for name in needed:
        tags.append((1, at))
        at += len(name) + 1
    dynstr = writer.section(".dynstr", strings, kind=3, flags=elfwriter.ALLOC)
    dynamic = writer.section(".dynamic", b"".join(struct.pack("<QQ", *t) for t in [*tags, (0, 0)]), kind=6)
    writer.sections[dynamic].link, writer.sections[dynamic].entsize = dynstr, 16
    return writer.build()


def test_a_binary_names_what_it_needs() -> None:
    binary = sources.read_binary(library("libx.so.1", ("libc.so.6", "libm.so.6")), "x")
    assert (binary.arch, binary.soname, binary.needed) == ("x86_64", "libx.so.1", ("libc.so.6", "libm.so.6"))
    with pytest.raises(InputError, match="not a readable ELF"):
        sources.read_binary(b"\x7fELF" + bytes(20), "x")


PACKAGED = {
    "usr/bin/python3.13": library("", ("libc.so.6",)),
    "usr/lib/python3.13/os.py": b"import stat",
    "usr/lib/python3.13/stat.py": b"",
    "usr/lib/python3.13/unused.py": b"",
    "usr/lib/python3.13/ctypes/__init__.py": b"import _ctypes",
    "usr/lib/python3.13/lib-dynload/_ctypes.cpython-313-x.so": library("", ("libffi.so.8",)),
    "usr/lib/x86_64-linux-gnu/libffi.so.8.1": library("libffi.so.8"),
    "usr/lib/x86_64-linux-gnu/libc.so.6": library("libc.so.6", ("ld-linux.so",)),
    "usr/lib/x86_64-linux-gnu/ld-linux.so": library("ld-linux.so"),
    "usr/lib/x86_64-linux-gnu/libbpf.so.1.7.0": library("libbpf.so.1", ("libelf.so.1",)),
    "usr/lib/x86_64-linux-gnu/libelf.so.1": library("libelf.so.1"),
}


def source(tmp_path: Path, files: dict[str, bytes], arch: str = "amd64") -> sources.PackageSource:
    path = tmp_path / "initramfs.deb"
    path.write_bytes(deb(files, arch=arch))
    return sources.package_source([str(path)], "x86_64")


def test_packages_make_a_user_space_by_soname_and_by_import(tmp_path: Path) -> None:
    space = initramfs.user_space(source(tmp_path, PACKAGED), {"init": b"import ctypes, os"})
    files = {e.path for e in space.entries}
    assert {"init", "py", "usr/bin/python3.13", "usr/lib/python3.13/os.py", "usr/lib/python3.13/stat.py"} <= files
    assert {f"lib/{n}" for n in ("libc.so.6", "ld-linux.so", "libffi.so.8", "libbpf.so.1", "libelf.so.1")} <= files
    assert "usr/lib/python3.13/unused.py" not in files


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ("libbpf.so.1.7.0", "libbpf 1.x was not found"),
        ("libelf.so.1", "needs libelf.so.1, which was not found; .*libelf1t64"),
        ("bin/python3.13", "no Python interpreter in these packages; .*python3.13-minimal"),
        ("libc.so.6", "needs libc.so.6, which was not found; .*libc6"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_the_packages_that_hold_it(tmp_path: Path, left_out: str, told: str) -> None:
    files = {path: data for path, data in PACKAGED.items() if left_out not in path}
    with pytest.raises(KernelError, match=told):
        initramfs.user_space(source(tmp_path, files), {"init": b"import ctypes"})


def test_packages_of_another_architecture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="a package for arm64, but the kernel is for x86_64"):
        source(tmp_path, PACKAGED, "arm64")


def test_libraries_of_another_architecture_do_not_count(tmp_path: Path) -> None:
    files = PACKAGED | {"usr/lib/x86_64-linux-gnu/libbpf.so.1.7.0": library("libbpf.so.1", machine=183)}
    with pytest.raises(KernelError, match=r"libbpf 1\.x was not found"):
        initramfs.user_space(source(tmp_path, files), {"init": b""})


def test_this_machines_interpreter_packs_with_bytecode_in_place_of_source() -> None:
    host = sources.HostSource()
    if host.library(initramfs.LIBBPF) is None:
        pytest.skip("libbpf1 is not installed on this machine")
    space = initramfs.user_space(host, {"init": b"import ctypes, os"})
    names = {e.path.rpartition("/")[2] for e in space.entries}
    assert {"os.pyc", "py", "init", "libbpf.so.1", "libc.so.6"} <= names
    assert any(name.startswith("_ctypes.") for name in names) or "_ctypes" in sys.builtin_module_names
    assert space.size < 25 << 20


# -- the kernel's own parts


def module(depends: str) -> bytes:
    writer = ElfWriter(machine=62)
    writer.section(".modinfo", b"license=GPL\0depends=" + depends.encode() + b"\0name=x\0")
    return writer.build()


class FakeModules(BootKernel):
    def __init__(self, modules: dict[str, bytes]) -> None:
        super().__init__("7.3", "x86_64")
        self.contents = modules
        self.modules = dict.fromkeys(modules)  # type: ignore[assignment]

    def module(self, name: str) -> bytes:
        return self.contents[name]


def test_modules_come_after_what_they_depend_on() -> None:
    kernel = FakeModules({"a": module("b,c-d"), "b": module("c_d"), "c_d": module(""), "other": module("")})
    found, missing = kernel.closure(["a"])
    assert [name for name, _ in found] == ["c_d", "b", "a"]
    assert missing == []


def test_the_provider_of_crc32c_comes_before_libcrc32c() -> None:
    kernel = FakeModules({"nf_conntrack": module("libcrc32c"), "libcrc32c": module(""), "crc32c_generic": module("")})
    assert [name for name, _ in kernel.closure(["nf_conntrack"])[0]] == ["crc32c_generic", "libcrc32c", "nf_conntrack"]


def test_missing_modules_are_reported_and_circles_end() -> None:
    kernel = FakeModules({"a": module("b"), "b": module("gone")})
    assert kernel.closure(["a", "none"]) == ([("b", module("gone")), ("a", module("b"))], ["gone", "none"])
    circle = FakeModules({"a": module("b"), "b": module("a")})
    assert sorted(name for name, _ in circle.closure(["a"])[0]) == ["a", "b"]


def test_of_modules_that_declare_the_same_the_one_they_stand_on_is_wanted() -> None:
    """Drivers' BTF repeats ``struct hid_device``; what only a driver declares wants that driver."""
    below = {"hid": "", "usbhid": "hid", "hid_sony": "usbhid", "mouse": "hid", "apart": ""}
    kernel = FakeModules({name: module(needed) for name, needed in below.items()})

    def owners(*declared: str) -> list[str]:
        return kernel.owners(frozenset(one.split()) for one in declared)

    assert owners("hid usbhid hid_sony mouse") == ["hid"]
    assert owners("hid_sony hid") == ["hid"]  # not the one that lies between
    assert owners("hid_sony mouse apart") == ["apart", "hid_sony", "mouse"]
    assert owners("hid usbhid", "hid_sony") == ["hid", "hid_sony"] and owners() == []
    assert owners("built_in hid_sony") == ["built_in", "hid_sony"]
    circle = FakeModules({"a": module("b"), "b": module("a")})
    assert circle.owners([frozenset("ab")]) == ["a", "b"]


def test_module_names_are_checked() -> None:
    assert kernels.wanted_names("nf-conntrack, xfs") == ["nf_conntrack", "xfs"]
    with pytest.raises(InputError, match="not a module name"):
        kernels.wanted_names("../x")
