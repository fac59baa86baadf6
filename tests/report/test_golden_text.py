# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sentences about the samples are those that were read one by one (``support.goldentext`` makes the files)."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.goldentext import ARCHES, text


@pytest.mark.parametrize("arch", ARCHES)
def test_what_is_said_of_the_samples_is_what_was_read(arch: str) -> None:
    golden = Path(__file__).with_name("golden").joinpath(f"samples-{arch}.txt")
    assert text(arch) == golden.read_text(encoding="utf-8")
