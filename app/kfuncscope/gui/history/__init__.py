# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every change that can be undone: steps of one QUndoStack (``store.undo``; filters are steps of the store itself)."""
