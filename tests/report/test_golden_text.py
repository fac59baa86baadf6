# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sentences about the samples are those that were read one by one (``support.goldentext`` makes the file)."""

from __future__ import annotations

from pathlib import Path

from support.goldentext import text


def test_what_is_said_of_the_samples_is_what_was_read() -> None:
    assert text() == Path(__file__).with_name("golden").joinpath("samples-x86_64.txt").read_text(encoding="utf-8")
