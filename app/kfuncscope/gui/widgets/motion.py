# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Short movements that show what changed; who does not want them switches them off once for all."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEasingCurve, QObject, QSettings, QVariantAnimation

SETTING = "animation"
"""The key under which it is kept whether things may move."""

MS = 450


def wanted(settings: QSettings | None) -> bool:
    """Whether things may move; without settings (tests, pictures) nothing does."""
    return settings is not None and str(settings.value(SETTING, "true")).lower() not in ("false", "0")


class Motion(QObject):
    """Calls ``step`` with a share from 0 to 1 while something moves, and at once with 1 where nothing may."""

    def __init__(self, parent: QObject, step: Callable[[float], None], allowed: Callable[[], bool]) -> None:
        super().__init__(parent)
        self._step, self._allowed = step, allowed
        self._run = QVariantAnimation(self)
        self._run.setStartValue(0.0)
        self._run.setEndValue(1.0)
        self._run.setDuration(MS)
        self._run.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._run.valueChanged.connect(lambda value: self._step(float(value)))

    def start(self) -> None:
        """Begin again."""
        self._run.stop()
        if self._allowed():
            self._run.start()
        else:
            self._step(1.0)

    def running(self) -> bool:
        """Whether something moves now."""
        return self._run.state() is QVariantAnimation.State.Running
