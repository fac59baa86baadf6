# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Steps that can be undone: changes of the session, of the policy file, of what is assumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtGui import QUndoCommand

from kfuncscope.errors import InputError
from kfuncscope.gui.history.snapshots import Snapshot
from kfuncscope.storage.writing import write_file

T = TypeVar("T")


class ValueStep(QUndoCommand):
    """From one value to another; ``put`` makes either of them the one in use."""

    def __init__(self, text: str, before: T, after: T, put: Callable[[T], None]) -> None:
        super().__init__(text)
        self._undo: Callable[[], None] = lambda: put(before)
        self._redo: Callable[[], None] = lambda: put(after)

    def redo(self) -> None:
        self._redo()

    def undo(self) -> None:
        self._undo()


class PolicyStep(QUndoCommand):
    """A waiver written into a policy file, with what it did to the session.

    The file is put back only while it still holds what this step left in it: what another program wrote since stays.
    """

    def __init__(
        self, text: str, path: str, contents: tuple[bytes | None, bytes], sessions: tuple[Snapshot, Snapshot],
        put: Callable[[Snapshot], None], refused: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(text)
        self._path, self._contents, self._sessions = Path(path), contents, sessions
        self._put, self._refused = put, refused

    def redo(self) -> None:
        before, after = self._contents
        if self._exchange(before, after):
            self._put(self._sessions[1])
        else:
            self.setObsolete(True)  # nothing was written, so there is nothing to undo

    def undo(self) -> None:
        before, after = self._contents
        if self._exchange(after, before):
            self._put(self._sessions[0])
        else:
            self.setObsolete(True)

    def _exchange(self, expected: bytes | None, wanted: bytes | None) -> bool:
        """Put ``wanted`` in the place of what is expected; False, and a reason, where that cannot be."""
        try:
            now = self._path.read_bytes() if self._path.exists() else None
            if now not in (wanted, expected):
                self._refused(f"{self._path} was changed by another program; it is left as it is")
                return False
            if wanted is None:
                self._path.unlink(missing_ok=True)
            elif now != wanted:
                write_file(self._path, wanted)
        except (OSError, InputError) as bad:
            self._refused(str(bad))
            return False
        return True
