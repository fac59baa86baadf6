# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Texts that reach the translator as variables: Qt's lupdate sees literals alone, so all of them stand here.

The words of verdicts and of the decision come from the engine, whose reports are English; the window shows them in its
own language.
"""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from kfuncscope.gui import theme
from kfuncscope.model.looks import LOOKS

CONTEXT = "Words"

VERDICTS = (
    QT_TRANSLATE_NOOP("Words", "Breaks"), QT_TRANSLATE_NOOP("Words", "Silent"), QT_TRANSLATE_NOOP("Words", "Risk"),
    QT_TRANSLATE_NOOP("Words", "Degrades"), QT_TRANSLATE_NOOP("Words", "Unknown"), QT_TRANSLATE_NOOP("Words", "OK"),
    QT_TRANSLATE_NOOP("Words", "Already broken"), QT_TRANSLATE_NOOP("Words", "Already"),
    QT_TRANSLATE_NOOP("Words", "Fixed"),
)  # fmt: skip
MEANINGS = (
    QT_TRANSLATE_NOOP("Words", "no longer loads or attaches"),
    QT_TRANSLATE_NOOP("Words", "loads, but reads or does the wrong thing"),
    QT_TRANSLATE_NOOP("Words", "meaning changed: may be rejected, or behave differently"),
    QT_TRANSLATE_NOOP("Words", "loads, but a guarded feature is lost"),
    QT_TRANSLATE_NOOP("Words", "cannot be decided from these files"),
    QT_TRANSLATE_NOOP("Words", "works as before"),
    QT_TRANSLATE_NOOP("Words", "fails on the old kernel too"),
    QT_TRANSLATE_NOOP("Words", "failed on the old kernel, works on the new one"),
)
DECISIONS = (
    QT_TRANSLATE_NOOP("Words", "Upgrade blocked"), QT_TRANSLATE_NOOP("Words", "Upgrade needs work"),
    QT_TRANSLATE_NOOP("Words", "Upgrade not fully checked"), QT_TRANSLATE_NOOP("Words", "Upgrade clear"),
)  # fmt: skip
HEADLINES = (
    QT_TRANSLATE_NOOP("Words", "Breaks at attach"), QT_TRANSLATE_NOOP("Words", "Breaks at load"),
    QT_TRANSLATE_NOOP("Words", "Silently different"), QT_TRANSLATE_NOOP("Words", "Meaning changed"),
    QT_TRANSLATE_NOOP("Words", "A feature is lost"), QT_TRANSLATE_NOOP("Words", "Fixed by the upgrade"),
    QT_TRANSLATE_NOOP("Words", "Works as before"),
)  # fmt: skip
CHIPS = (
    QT_TRANSLATE_NOOP("Words", "only affected"), QT_TRANSLATE_NOOP("Words", "runs somewhere"),
    QT_TRANSLATE_NOOP("Words", "≠ kernel disagrees"), QT_TRANSLATE_NOOP("Words", "around {0}"),
)  # fmt: skip
STATES = (
    QT_TRANSLATE_NOOP("Words", "works"), QT_TRANSLATE_NOOP("Words", "breaks"),
    QT_TRANSLATE_NOOP("Words", "silently different"), QT_TRANSLATE_NOOP("Words", "risk"),
    QT_TRANSLATE_NOOP("Words", "degrades"), QT_TRANSLATE_NOOP("Words", "unknown"),
    QT_TRANSLATE_NOOP("Words", "still fails"), QT_TRANSLATE_NOOP("Words", "works again"),
    QT_TRANSLATE_NOOP("Words", "not judged"), QT_TRANSLATE_NOOP("Words", "fails"),
    QT_TRANSLATE_NOOP("Words", "present"), QT_TRANSLATE_NOOP("Words", "absent"),
    QT_TRANSLATE_NOOP("Words", "no longer registered"), QT_TRANSLATE_NOOP("Words", "unregistered"),
    QT_TRANSLATE_NOOP("Words", "dropped"), QT_TRANSLATE_NOOP("Words", "changed"),
)  # fmt: skip
WINDOW = (
    QT_TRANSLATE_NOOP("MainWindow", "Guided tour"), QT_TRANSLATE_NOOP("MainWindow", "Summary"),
    QT_TRANSLATE_NOOP("MainWindow", "Views"), QT_TRANSLATE_NOOP("MainWindow", "Running job"),
    QT_TRANSLATE_NOOP("MainWindow", "N next breakage · Ctrl+K commands"),
)  # fmt: skip
ACTIONS = (
    QT_TRANSLATE_NOOP("WhatIfDialog", "is removed"), QT_TRANSLATE_NOOP("WhatIfDialog", "is changed"),
    QT_TRANSLATE_NOOP("WhatIfDialog", "stays as it was"),
)  # fmt: skip
HEADERS = {
    "FindingsModel": (
        QT_TRANSLATE_NOOP("FindingsModel", "Verdict"), QT_TRANSLATE_NOOP("FindingsModel", "Arch"),
        QT_TRANSLATE_NOOP("FindingsModel", "Object"), QT_TRANSLATE_NOOP("FindingsModel", "Program"),
        QT_TRANSLATE_NOOP("FindingsModel", "What"), QT_TRANSLATE_NOOP("FindingsModel", "What happens"),
        QT_TRANSLATE_NOOP("FindingsModel", "Kind"), QT_TRANSLATE_NOOP("FindingsModel", "Where"),
        QT_TRANSLATE_NOOP("FindingsModel", "Rules"), QT_TRANSLATE_NOOP("FindingsModel", "Confidence"),
        QT_TRANSLATE_NOOP("FindingsModel", "Runs on"),
    ),
    "OffersModel": (
        QT_TRANSLATE_NOOP("OffersModel", "Name"), QT_TRANSLATE_NOOP("OffersModel", "Upgrade"),
        QT_TRANSLATE_NOOP("OffersModel", "Users"), QT_TRANSLATE_NOOP("OffersModel", "Since"),
        QT_TRANSLATE_NOOP("OffersModel", "Kind"), QT_TRANSLATE_NOOP("OffersModel", "Set"),
    ),
    "DifferencesModel": (
        QT_TRANSLATE_NOOP("DifferencesModel", "Change"), QT_TRANSLATE_NOOP("DifferencesModel", "Name"),
        QT_TRANSLATE_NOOP("DifferencesModel", "Kind"), QT_TRANSLATE_NOOP("DifferencesModel", "Note"),
    ),
    "CensusModel": (
        QT_TRANSLATE_NOOP("CensusModel", "Program"), QT_TRANSLATE_NOOP("CensusModel", "Object"),
        QT_TRANSLATE_NOOP("CensusModel", "Recognised"), QT_TRANSLATE_NOOP("CensusModel", "Hosts"),
        QT_TRANSLATE_NOOP("CensusModel", "Running"),
    ),
    "ProofModel": (
        QT_TRANSLATE_NOOP("ProofModel", "Kernel says"), QT_TRANSLATE_NOOP("ProofModel", "Kernel"),
        QT_TRANSLATE_NOOP("ProofModel", "Object"), QT_TRANSLATE_NOOP("ProofModel", "Program"),
        QT_TRANSLATE_NOOP("ProofModel", "Predicted"), QT_TRANSLATE_NOOP("ProofModel", "Seen"),
        QT_TRANSLATE_NOOP("ProofModel", "Its own words"),
    ),
}  # fmt: skip


def spoken(text: str) -> str:
    """A word of the engine in the language of the window; as it is where there is no translation."""
    return QCoreApplication.translate(CONTEXT, text)


def speak() -> None:
    """Have the words of verdicts in the language that is installed now (English again where none is)."""
    for verdict, look in LOOKS.items():
        theme.WORDS[verdict] = spoken(look.word)
        theme.SHORT[verdict] = spoken(look.short or look.word)
        theme.MEANING[verdict] = spoken(look.meaning)
