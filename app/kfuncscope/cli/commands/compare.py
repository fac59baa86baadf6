# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope compare``: new, gone and unchanged findings of two JSON reports."""

from __future__ import annotations

import argparse

from kfuncscope.cli.conclude import tell_missing
from kfuncscope.cli.options import fail_on, policy_of
from kfuncscope.cli.output import out, say
from kfuncscope.decision.compare import compare
from kfuncscope.decision.gate import decide
from kfuncscope.report import tables
from kfuncscope.upgrade import jsonform


def run(args: argparse.Namespace) -> int:
    """A table of what changed; the exit status says whether anything new or worse needs attention by the policy."""
    words = fail_on(args, ("new",))
    policy = policy_of(args)
    after = jsonform.load(args.new)[0]
    found = compare(jsonform.load(args.old)[0], after)
    decision = decide(after, policy, fail_on=words, comparison=found)
    out(tables.comparison(found, args.format), args.output)
    tell_missing(decision.missing)
    for line in decision.reasons:
        say(line)
    return decision.exit
