# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Examples for every ``--help`` and man page: what can be typed as it stands, with files of one's own."""

from __future__ import annotations

import argparse

EXAMPLES: dict[str, tuple[str, ...]] = {
    "check": (
        "check --old linux-image-6.12.deb --new linux-image-7.3.deb *.deb",
        "check --old old/ --new new/ --report upgrade.html --report upgrade.json objects/",
        "check --old old/ --new new/ --baseline upgrade.json --fail-on new objects/",
        "check --old old/ --new new/ --quiet --report - --files-from packages.txt",
        "check --old old/ --new new/ --catalogue archive.kcat",
        "check --old 6.12.kpack --new 7.3.kpack --cluster tcp://farm:8786 --report upgrade.json packages/",
    ),
    "judge": ("judge --kernel 6.1/ 6.12/ 7.3/ --format csv -- objects/",),
    "prove": (
        "prove --kernel linux-image-6.12.deb -- objects/",
        "prove --kernel linux-image-6.12.deb --plan -- objects/",
    ),
    "relocate": ("relocate --kernel 7.3/ probe.bpf.o",),
    "explain": ("explain probe.bpf.o:on_exit --old 6.12/ --new 7.3/",),
    "diff": ("diff --old 6.12/ --new 7.3/ --kind kfunc --kind tracepoint", "diff --old 6.12/ --new 7.3/ --format md"),
    "kernel": (
        "kernel linux-image-7.3.4.deb",
        "kernel --gate linux-image-7.3.4.deb linux-modules-7.3.4.deb",
        "kernel pack linux-image-7.3.4.deb linux-modules-7.3.4.deb -o 7.3.4.kpack",
        "kernel --gate linux-image-7.3.5.deb --against linux-image-7.3.4.deb --report gate.html",
    ),
    "object": ("object probe.bpf.o", "object --elf --format json probe.bpf.o"),
    "rule": ("rule R-7.10", "rule kfunc_not_found", "rule --list"),
    "merge": ("merge part1.json part2.json -o upgrade.json --report upgrade.html",),
    "compare": ("compare yesterday.json today.json", "compare yesterday.json today.json --format json -o changes.json"),
    "path": ("path --step 6.1/ --step 6.12/ --step 7.3/ objects/", "path first.json second.json"),
    "usage": ("usage *.deb", "usage --kind kfunc --format csv -o kfuncs.csv *.deb", "usage --running hosts/ *.deb"),
    "promise": ("promise make --kernel 6.12/ -o product.toml objects/", "promise check --kernel 7.3/ product.toml"),
    "promise make": ("promise make --kernel 6.12/ -o product.toml objects/",),
    "promise check": ("promise check --kernel 7.3/ product.toml",),
    "demo": ("demo", "demo --picture window.png --dark"),
    "gui": ("gui", "gui upgrade.kfs", "gui linux-image-7.3.4.deb objects/"),
    "knowledge": ("knowledge list", "knowledge build linux-7.4/"),
    "knowledge build": ("knowledge build linux-7.4/ --source 'kernel.org, linux-7.4.tar.xz'",),
    "knowledge probe": ("knowledge probe linux-image-7.3.4.deb linux-modules-7.3.4.deb --differences",),
    "knowledge pack": ("knowledge pack 6.12.107/ 7.3.4/ --out tables/",),
    "knowledge list": ("knowledge list",),
    "census": (
        "census script -o collect.py",
        "census run -o this-host.jsonl",
        "census hosts/ --objects *.deb --kernel linux-image-6.12.deb",
    ),
    "scan": (
        "scan /srv/mirror/debian/dists/trixie/main/binary-amd64/Packages.xz --catalogue trixie.kcat",
        "scan pool/ --catalogue archive.kcat",
        "scan --list --catalogue archive.kcat --format csv",
    ),
    "cache": ("cache", "cache clear"),
}
_HEAD = "examples:\n"


class Formatter(argparse.HelpFormatter):
    """As argparse's own, but examples keep their lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(_HEAD):
            return text
        return super()._fill_text(text, width, indent)


def add_examples(name: str, parser: argparse.ArgumentParser) -> None:
    """The examples of a command at the end of its help."""
    lines = EXAMPLES.get(name)
    if lines and not parser.epilog:
        parser.formatter_class = Formatter
        parser.epilog = _HEAD + "\n".join(f"  kfuncscope {line}" for line in lines)
