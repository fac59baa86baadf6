# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Modules that are loaded when something of them is first used: loading all takes longer than judging an object."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class Deferred(ModuleType):
    """A module that is imported when an attribute of it is first asked for."""

    _module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        """Import the module where that was not done yet, and take the attribute from it."""
        if name.startswith("__"):
            raise AttributeError(name)
        if self._module is None:
            self._module = import_module(self.__name__)
        return getattr(self._module, name)


numpy = Deferred("numpy")
futures = Deferred("concurrent.futures")
multiprocessing = Deferred("multiprocessing")
connection = Deferred("multiprocessing.connection")
subprocess = Deferred("subprocess")
zipfile = Deferred("zipfile")
# Readers of inputs that many a run is not given.
folder = Deferred("kfuncscope.intake.folder")
package = Deferred("kfuncscope.intake.package")
sqlite3 = Deferred("sqlite3")
expat = Deferred("xml.parsers.expat")
