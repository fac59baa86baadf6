# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a person prefers, kept between runs: keys and defaults in one place; and how it is applied at the start."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from kfuncscope.gui import theme

THEMES = ("system", "light", "dark")
SCALES = (80, 90, 100, 110, 125, 150, 175, 200)
LANGUAGES = ("system", "en", "de")
EDITOR = "editor/command"
CLONE = "history/clone"


@dataclass(frozen=True, slots=True)
class Preferences:
    """``theme`` is system, light or dark; ``safe`` chooses colours that deuteranopes and protanopes can tell apart.

    ``scale`` is of the font, in per cent. ``editor`` is a command with {file} and {line}, empty: the first that is
    installed. ``infer`` is how new sessions begin. ``menubar`` is off where one button stands for the menus.
    ``clone`` is the folder of a clone of the kernel's repository, empty: none.
    """

    theme: str = "system"
    safe: bool = False
    scale: int = 100
    language: str = "system"
    editor: str = ""
    infer: bool = False
    menubar: bool = True
    clone: str = ""

    def dark(self) -> bool | None:
        """Dark, light, or as the system asks (None)."""
        return None if self.theme == "system" else self.theme == "dark"


def load(settings: QSettings | None) -> Preferences:
    """The preferences that are kept; what is not one of the choices counts as not chosen."""
    if settings is None:
        return Preferences()

    def one_of(key: str, choices: tuple[str, ...]) -> str:
        kept = str(settings.value(key, choices[0]))
        return kept if kept in choices else choices[0]

    def flag(key: str, default: bool) -> bool:
        return str(settings.value(key, default)).casefold() == "true"

    scale = str(settings.value("font/scale", 100))
    return Preferences(
        theme=one_of("theme", THEMES),
        safe=flag("palette/safe", False),
        scale=min(max(int(scale), SCALES[0]), SCALES[-1]) if scale.isdecimal() and len(scale) < 6 else 100,
        language=one_of("language", LANGUAGES),
        editor=str(settings.value(EDITOR, "") or ""),
        infer=flag("infer", False),
        menubar=flag("menubar", True),
        clone=str(settings.value(CLONE, "") or ""),
    )


def save(settings: QSettings | None, chosen: Preferences) -> None:
    """Keep preferences."""
    if settings is not None:
        for key, value in (
            ("theme", chosen.theme), ("palette/safe", chosen.safe), ("font/scale", chosen.scale),
            ("language", chosen.language), (EDITOR, chosen.editor), ("infer", chosen.infer),
            ("menubar", chosen.menubar), (CLONE, chosen.clone),
        ):  # fmt: skip
            settings.setValue(key, value)


def apply_looks(app: QApplication, chosen: Preferences) -> None:
    """Colours, as preferred."""
    theme.apply(app, chosen.dark(), chosen.safe)
