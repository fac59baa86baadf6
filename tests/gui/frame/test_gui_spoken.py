# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window says in another language, where the text is a variable in the code or comes from the engine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QTranslator
from PySide6.QtWidgets import QApplication

from kfuncscope import gui
from kfuncscope.decision.gate import HEADLINES
from kfuncscope.gui import theme
from kfuncscope.gui.filters import Token
from kfuncscope.gui.frame import spoken
from kfuncscope.gui.models.findings import FindingsModel
from kfuncscope.gui.views.census import CensusModel
from kfuncscope.gui.views.kfuncs import OffersModel
from kfuncscope.gui.views.proof import ProofModel
from kfuncscope.gui.widgets.chips import chip_text
from kfuncscope.model.looks import LOOKS
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import resource


@pytest.fixture
def german(qapp: QApplication) -> Iterator[None]:
    translator = QTranslator()
    assert translator.load(str(resource("translations", "kfuncscope_de.qm")))
    QCoreApplication.installTranslator(translator)
    spoken.speak()
    try:
        yield
    finally:
        QCoreApplication.removeTranslator(translator)
        spoken.speak()


def test_every_word_of_the_engine_that_the_window_shows_is_listed_for_lupdate() -> None:
    looks = {word for look in LOOKS.values() for word in (look.word, look.short or look.word)}
    assert looks == set(spoken.VERDICTS)
    assert {look.meaning for look in LOOKS.values()} == set(spoken.MEANINGS)
    assert set(HEADLINES.values()) == set(spoken.DECISIONS)


def test_headers_are_those_listed_for_lupdate(qapp: QApplication) -> None:
    for model in (FindingsModel(), OffersModel(), CensusModel(), ProofModel()):
        assert tuple(model.headers[: len(spoken.HEADERS[type(model).__name__])]) == spoken.HEADERS[type(model).__name__]


@pytest.mark.usefixtures("german")
def test_verdicts_decision_chips_and_headers_are_in_the_language_of_the_window() -> None:
    assert theme.WORDS[Verdict.BREAKS] == "Bricht"
    assert theme.MEANING[Verdict.OK] == "läuft wie bisher"
    assert spoken.spoken("Upgrade blocked") == "Upgrade blockiert"
    assert chip_text(Token("affected", "")) == "nur Betroffenes"
    assert FindingsModel().headers[0] == "Urteil"


def test_without_a_translation_they_are_english_again(qapp: QApplication) -> None:
    spoken.speak()
    assert {v: look.word for v, look in LOOKS.items()} == theme.WORDS


def test_a_text_given_to_a_translator_of_its_own_is_known_to_lupdate() -> None:
    """``_said("…")`` and ``spoken("…")`` are plain functions: lupdate does not see what they are given."""
    listed = {text for name in ("VERDICTS", "MEANINGS", "DECISIONS", "HEADLINES", "CHIPS", "WINDOW") for text in
              getattr(spoken, name)}  # fmt: skip
    found = set()
    for path in Path(gui.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_said", "spoken"):
                found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    assert len(found) >= 9
    assert found <= listed
