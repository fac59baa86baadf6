# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""numpy, loaded when something of it is first used: loading it takes longer than judging an object on known kernels."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class Deferred(ModuleType):
    """A module that is imported when an attribute of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        """Import the module and take the attribute from it; kept here, so that it is asked for once."""
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)
        return found


numpy = Deferred("numpy")
