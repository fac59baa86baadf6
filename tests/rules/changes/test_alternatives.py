# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which programs of an object do the same job, so that a loader may choose between them (R-12.15)."""

from __future__ import annotations

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.rules.changes.alternatives import same_job
from support.bpfwriter import ObjectBuilder, exit_, mov


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("kprobe/vfs_read", "a"), ("fentry/vfs_read", "b"), True),
        (("kprobe/vfs_read", "a"), ("fentry/vfs_write", "a"), False),
        (("kprobe/mark_page_dirty", "a"), ("kprobe/mark_folio_dirty", "b"), True),
        (("kprobe/vfs_read", "a"), ("kretprobe/vfs_read", "a"), False),
        (("lsm/file_open", "a"), ("lsm.s/file_open", "b"), True),
        (("lsm/file_open", "a"), ("lsm/file_alloc", "a"), False),
        (("tp_btf/sched_switch", "sched_switch_btf"), ("kprobe/__schedule", "sched_switch_kprobe"), True),
        (("tp_btf/sched_switch", "sched_switch_btf"), ("kprobe/__schedule", "other_kprobe"), False),
        # No side of a function: the same type and section, and a name that differs in its version alone.
        (("iter/task", "dump_old"), ("iter/task", "dump_new"), True),
        (("iter/task", "dump_old"), ("iter/task", "count_new"), False),
        (("iter/task", "count_old"), ("iter/task", "dump_new"), False),
        (("iter/task", "dump_old"), ("iter/bpf_map", "dump_new"), False),
        (("iter/task", "dump_old"), ("freplace/task", "dump_new"), False),
        (("fentry/dummy_one", "a"), ("fentry/dummy_one", "b"), False),
    ],
)  # fmt: skip
def test_programs_of_one_job(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    programs = [ObjectBuilder().program(section, name, [mov(0, 0), exit_()]).build() for section, name in (one, other)]
    first, second = (read_object(data, "x").programs[0] for data in programs)
    assert same_job(first, second) is same and same_job(second, first) is same
