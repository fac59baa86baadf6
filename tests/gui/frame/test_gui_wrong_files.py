# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Twenty wrong files dropped at once: each is listed with its reason, the rest is analysed, the window answers."""

from __future__ import annotations

import shutil
import struct
import time
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.watchdog import Watchdog
from kfuncscope.resources import sample
from support import windows
from support.archivewriter import deb


def _wrong(folder: Path) -> list[Path]:
    good = sample("objects", "xdp_count.bpf.o").read_bytes()
    elf = good[:64]
    made: dict[str, bytes] = {
        "empty.o": b"",
        "text.txt": b"hello, this is no object\n" * 40,
        "huge.bin": b"\0" * (48 << 20),
        "truncated.bpf.o": good[: len(good) // 2],
        "header-only.bpf.o": elf,
        "other-arch.o": elf[:18] + struct.pack("<H", 62) + elf[20:] + good[64:],
        "big-endian.o": elf[:5] + b"\2" + elf[6:] + good[64:],
        "zeros.bpf.o": elf + bytes(4096),
        "png.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "bad.zip": b"PK\x03\x04" + bytes(50),
        "bad.deb": b"!<arch>\ndebian-binary   0           0     0     100644  999999    `\n",
        "bad.xz": b"\xfd7zXZ\x00" + bytes(60),
        "bad.gz": b"\x1f\x8b\x08" + bytes(40),
        "bad.zst": b"\x28\xb5\x2f\xfd" + bytes(40),
        "bad.rpm": b"\xed\xab\xee\xdb" + bytes(200),
        "script.sh": b"#!/bin/sh\necho no\n",
        "random.o": bytes((i * 7919) % 251 for i in range(5000)),
        "btf-magic.o": b"\x9f\xeb\x01\x00" + bytes(20),
        "json.json": b"{}",
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [*(folder / n for n in made), folder / "does-not-exist.o"]


def test_twenty_wrong_files_at_once(qtbot: QtBot, tmp_path: Path, qapp: QApplication) -> None:
    wrong = _wrong(tmp_path)
    assert len(wrong) == 20
    good = tmp_path / "fine.bpf.o"
    shutil.copy(sample("objects", "xdp_count.bpf.o"), good)
    with windows.window() as window:
        context, sources = window.context, window.sources
        sources.add_inputs([str(sample("kernels", "6.12-x86_64", "vmlinux.btf.xz"))], "old")
        sources.add_inputs([str(sample("kernels", "7.3-x86_64", "vmlinux.btf.xz"))], "new")
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(p)) for p in (*wrong, good)])
        dog = Watchdog(own_time=True)
        modifiers = Qt.KeyboardModifier.NoModifier
        window.dropEvent(
            QDropEvent(QPointF(300, 300), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, modifiers)
        )
        window.commands.run("analyse")
        start = time.monotonic()
        qtbot.waitUntil(lambda: context.real is not None or "failed" in window.state_text.text(), timeout=90_000)
        dog.stop()
        settle()
        assert context.real is not None, window.state_text.text()
        index = context.real
        assert "fine.bpf.o" in index.objects, (index.objects, time.monotonic() - start)
        assert not dog.stalls
        told = dict(
            [*((u.where, u.why) for u in index.unchecked), *((p.path, p.reason) for p in index.analysis.problems)]
        )
        assert all(told.values())
        kernels = {Path(f).name for r in (*context.session.old, *context.session.new) for f in r.files}
        for path in wrong:
            assert any(path.name in where for where in told) or path.name in kernels, (path.name, sorted(told))
        listed = "\n".join(" ".join(r) for r in window.problems.model.rows)
        assert "does-not-exist.o" in listed


def test_a_package_with_objects_is_no_problem(qtbot: QtBot, tmp_path: Path, qapp: QApplication) -> None:
    """Objects know their package by name and version, the session by the name of its file."""
    files = {"usr/lib/bpf/count.bpf.o": sample("objects", "xdp_count.bpf.o").read_bytes()}
    package = tmp_path / "xdp-count_1%3a1.0-1_amd64.deb"
    package.write_bytes(deb(files, name="xdp-count", version="1:1.0-1"))
    with windows.window() as window:
        context, sources = window.context, window.sources
        sources.add_inputs([str(sample("kernels", "6.12-x86_64", "vmlinux.btf.xz"))], "old")
        sources.add_inputs([str(sample("kernels", "7.3-x86_64", "vmlinux.btf.xz"))], "new")
        sources.add_inputs([str(package)])
        window.commands.run("analyse")
        qtbot.waitUntil(lambda: context.real is not None, timeout=90_000)
        assert context.real is not None
        assert [o.places[0].package for o in context.real.analysis.objects] == ["xdp-count 1:1.0-1"]
        assert not any(package.name in " ".join(row) for row in window.problems.model.rows)
