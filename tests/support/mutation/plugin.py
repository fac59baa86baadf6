# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Loaded by ``pytest -p``: keeps how long each test took."""

from __future__ import annotations

import pytest

from support.mutation.selection import Times


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Times())
