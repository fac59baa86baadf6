# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope merge``: merge the JSON reports of all shards, as if one run had made them."""

from __future__ import annotations

import argparse

from kfuncscope.cli.commands.check import print_analysis
from kfuncscope.cli.conclude import conclude, decided
from kfuncscope.cli.formats import formatted
from kfuncscope.cli.options import check_report_options
from kfuncscope.cli.output import out
from kfuncscope.errors import UsageError
from kfuncscope.report import make
from kfuncscope.upgrade import jsonform, merge


def run(args: argparse.Namespace) -> int:
    """One analysis of all shards, then as ``check`` ends."""
    check_report_options(args)
    if args.output and args.format == "table":
        raise UsageError("--output", "a table goes to standard output; choose json, jsonl, csv or md for a file")
    whole = merge.merge([jsonform.load(path) for path in args.parts])
    decision, found = decided(whole, args)
    if args.output or not args.report:
        if args.format == "table":
            print_analysis(whole, decision)
        elif args.format == "json":
            out(jsonform.dumps(whole, decision), args.output)
        else:
            out(formatted(make(whole, decision, found), args.format), args.output)
    return conclude(whole, decision, args, found)
