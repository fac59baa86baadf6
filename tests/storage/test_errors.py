# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Errors of bad input, one and several, on their way between processes."""

from __future__ import annotations

import copy

from kfuncscope.errors import BtfError, InputError, KernelError, all_of, each


def test_several_errors_speak_as_the_first_and_keep_the_rest() -> None:
    one, two, three = BtfError("a", "bad", 3), KernelError("b", "worse"), InputError("c", "worst")
    assert all_of([one]) is one and each(one) == (one,)
    both = all_of([all_of([one, two]), three])
    assert (both.source, both.reason, both.offset) == ("a", "bad", 3)
    assert each(both) == (one, two, three)
    again = copy.copy(both)  # as when it crosses to another process
    assert each(again) == (one, two, three) and str(again) == str(both)
