# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A census of booted guests, joined to the objects that were loaded there: ``.ci/test -m qemu``.

Packages are fetched with apt into KFUNCSCOPE_PACKAGES, or into a temporary folder.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from support import guestcensus, packages

pytestmark = pytest.mark.qemu


@pytest.mark.parametrize(
    ("key", "scripts"), [("6.1-amd64", False), ("6.12-amd64", False), ("7.3-amd64", True), ("7.3-arm64", False)]
)
def test_what_runs_in_a_guest_is_joined_to_its_objects(guest_folder: Path, key: str, scripts: bool) -> None:
    """libbpf and bpftool load real objects, bpftrace runs beside them; the collector's file says which is which."""
    wanted = next(w for w in packages.KERNELS if w.key == key)
    paths = packages.fetch(guest_folder, wanted)
    kernel = open_kernel(kernel_files(paths)[0])
    files, others = guestcensus.objects(guest_folder, kernel.arch)
    taken = guestcensus.take(guest_folder, kernel, [str(p) for p in paths], files, scripts)
    among = guestcensus.decoys(files, others)
    made = guestcensus.count(taken, kernel, among)
    print(f"\n{key}: {made.exact} of {made.loaded} exact among {len(files) + len(among)} objects, {made.by_loader}, "
          f"{made.named} of {made.kfuncs} kfuncs named, bpftrace {made.kernel_only}")  # fmt: skip
    assert len({at for at, _, _ in taken.truth.values()}) >= 30, taken.refused
    assert made.exact >= 0.95 * made.loaded > 40, made.missed
    assert set(made.by_loader) == {"libbpf", "bpftool"}
    assert made.false == [] and made.named >= 0.99 * made.kfuncs, (made.false, made.unnamed)
    if scripts:
        assert made.kernel_only >= len(guestcensus.LINES), taken.silent
