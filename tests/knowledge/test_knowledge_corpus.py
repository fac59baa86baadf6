# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The shipped tables held against what real kernels answered, and against tables that were made another way."""

from __future__ import annotations

import csv
import io
import json
import lzma
import re
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.bpf.sections import sec_defs
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.intake.identity import release_of_config
from kfuncscope.kernel.config import parse_config
from kfuncscope.knowledge.knowledge import Knowledge, for_release

pytestmark = pytest.mark.corpus

RELEASES = ("6.1", "6.12", "7.2", "7.3")
LEVELS = {"6.1": "6.1.192", "6.12": "6.12.107", "7.2": "7.2.13", "7.3": "7.3.4"}  # those of the other parse
KERNELS = ("6.1-amd64", "6.1-arm64", "6.12-amd64", "6.12-arm64", "6.12-ppc64el", "6.12-riscv64", "6.12-s390x",
           "7.3-amd64", "7.3-arm64")  # fmt: skip
# The expected attach types with which bpftool probes; every other type is probed without one.
PROBED_AS = {
    "CGROUP_SOCK_ADDR": "CGROUP_INET4_CONNECT", "CGROUP_SOCKOPT": "CGROUP_GETSOCKOPT", "SK_LOOKUP": "SK_LOOKUP",
    "FLOW_DISSECTOR": "FLOW_DISSECTOR", "NETFILTER": "NETFILTER",
}  # fmt: skip
NOT_PROBED = ("TRACING", "LSM", "STRUCT_OPS", "EXT")  # bpftool cannot load them without a target

# A probe takes a helper for allowed unless the refusal says that the type, or the kernel, does not have it. What the
# helper's own proto refuses reads "helper call is not allowed in probe", as tried with system call programs, too.
REFUSED_LATER = {("d_path", "SYSCALL"), ("sk_storage_get", "SYSCALL"), ("sk_storage_delete", "SYSCALL")}


def _unxz(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes())


def _facts(corpus: Path, name: str) -> Any:
    return json.loads((corpus / "facts" / f"{name}.json").read_text())


def _probed(corpus: Path, kernel: str) -> dict[str, set[str]]:
    """Program type → helpers that the running kernel let it call."""
    probe = json.loads(_unxz(corpus / "oracle" / "feature-probe" / f"{kernel}.json.xz"))
    found = {}
    for group, names in probe["helpers"].items():
        prog_type = group.removesuffix("_available_helpers")
        loads = probe["program_types"].get(f"have_{prog_type}_prog_type")
        if loads and prog_type.upper() not in NOT_PROBED:
            found[prog_type.upper()] = {name.removeprefix("bpf_") for name in names}
    return found


def test_helper_lists_agree_with_running_kernels(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, wrong = [], {}
    for kernel in KERNELS:
        arch = kernel.split("-")[1]
        text = _unxz(corpus / "kernels" / kernel / "config.xz")
        knowledge, config = for_release(release_of_config(text)), parse_config(text)
        assert knowledge.borrowed_for is None, kernel
        pairs = agree = 0
        for prog_type, given in _probed(corpus, kernel).items():
            for helper in knowledge.uapi["helpers"][1:]:
                told = knowledge.helper_allowed(
                    helper, prog_type, attach_type=PROBED_AS.get(prog_type, ""), config=config, arch=arch,
                    sleepable=prog_type == "SYSCALL",
                )  # fmt: skip
                pairs += 1
                listed = helper in given and (helper, prog_type) not in REFUSED_LATER
                if told.allowed == ("yes" if listed else "no"):
                    agree += 1
                else:
                    wrong[(kernel, prog_type, helper)] = told
        lines.append(f"{kernel:14} {agree:5} of {pairs:5} (helper, program type) pairs agree")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert wrong == {}


@pytest.mark.parametrize("release", RELEASES)
def test_kfunc_sets_agree_with_the_other_parse(corpus: Path, release: str) -> None:
    knowledge = for_release(LEVELS[release])
    facts = _facts(corpus, f"kfuncs_{release}")
    bits = _facts(corpus, "kfunc_flags")[release]
    modifiable = set()
    for one in facts["sets"]:
        types = {name.removeprefix("BPF_PROG_TYPE_") for name in one["prog_types"]}
        for entry in one["entries"]:
            flags = sum(bits[flag] for flag in set(entry["flags"]))
            if types == {"FMODRET"}:
                modifiable.add(entry["name"])
                assert knowledge.fmodret[entry["name"]] == flags
                continue
            regs = [reg for reg in knowledge.kfuncs[entry["name"]].registrations if reg.set == one["set"]]
            assert [(reg.flags, reg.prog_types, set(reg.filters), reg.file) for reg in regs] == [
                (flags, types, set(one["filters"]), one["file"])
            ]
    assert set(knowledge.kfuncs) | set(knowledge.fmodret) == set(facts["kfuncs"])
    assert set(knowledge.fmodret) == modifiable
    assert {name: value for name, value in knowledge.flag_bits.items() if name in bits} == bits
    hooks = _facts(corpus, "kfunc_hooks")[release]
    assert knowledge.kfunc_hooks == {
        name.removeprefix("BPF_PROG_TYPE_"): hook.removeprefix("BTF_KFUNC_HOOK_") for name, hook in hooks.items()
    }
    assert set(knowledge.arg_suffixes) == set(_facts(corpus, "kfunc_arg_suffixes")[release])


@pytest.mark.parametrize("release", RELEASES)
def test_helper_lists_differ_from_the_other_parse_where_it_is_known_to_be_wrong(corpus: Path, release: str) -> None:
    """R-11, facts tables: helpers it missed, and those it gave to SYSCALL and LWT_SEG6LOCAL in spite of conditions."""
    knowledge = for_release(LEVELS[release])
    facts = _facts(corpus, "helpers")["by_version"][release]["helpers"]
    known = {(helper, prog_type) for helper, row in facts.items() for prog_type in row["prog_types"]}
    ours = {(helper, prog_type) for helper, fact in knowledge.helpers.items() for prog_type in fact.prog_types}
    more = {pair for pair in ours - known if pair[1] != "LIRC_MODE2"}
    assert {helper for helper, _ in more} == {
        "skc_to_tcp6_sock", "skc_to_tcp_sock", "skc_to_tcp_timewait_sock", "skc_to_tcp_request_sock",
        "skc_to_udp6_sock", "skc_to_unix_sock", "skc_to_mptcp_sock", "get_retval", "set_retval",
    }  # fmt: skip
    fewer = {("get_attach_cookie", "SYSCALL"), ("get_func_arg", "SYSCALL"), ("get_func_arg_cnt", "SYSCALL"),
             ("get_func_ret", "SYSCALL"), ("skb_pull_data", "LWT_SEG6LOCAL"), ("d_path", "SYSCALL")}  # fmt: skip
    assert known - ours <= fewer


@pytest.mark.parametrize("release", RELEASES)
def test_hooks_agree_with_the_other_parse(corpus: Path, release: str) -> None:
    knowledge = for_release(LEVELS[release])
    for name, row in _facts(corpus, "lsm_hooks")[release].items():
        ours = knowledge.lsm_hooks[name]
        args = tuple(arg for arg in row["args"] if arg != "void")
        assert (ours.ret, ours.args, ours.sleepable, ours.bpf_disabled) == (
            row["ret"], args, row["sleepable"], row["bpf_disabled"],
        )  # fmt: skip
    null = _facts(corpus, "raw_tp_null_args").get(release, {})
    assert {name: (sorted(row.nullable), sorted(row.is_err)) for name, row in knowledge.raw_tp_null_args.items()} == {
        name: (row["nullable"], row["is_err"]) for name, row in null.items()
    }
    for name, names in _facts(corpus, "uapi_enums")[release].items():
        assert list(knowledge.uapi[name]) == names


@pytest.mark.parametrize("release", RELEASES)
def test_tracepoints_agree_with_the_other_parse(corpus: Path, release: str) -> None:
    ours = for_release(LEVELS[release]).tracepoints
    facts = _facts(corpus, "tracepoints")[release]
    missing = {name for name, row in facts.items() if name not in ours and row["macro"] != "DECLARE_TRACEPOINT"}
    assert missing <= {"name", "__name", "call", "fsm_name", "sched_stat_template"}  # parameters of macros, a class
    differ = set()
    for name, row in facts.items():
        proto = tuple(arg.removeprefix("\\ ") for arg in row["proto"] or ())
        if proto and name in ours and row["file"] == ours[name].file and ours[name].proto != proto:
            differ.add(name)
    assert all(name.startswith(("kvm_s390_", "pwm_")) for name in differ)  # written with macros of their own


@pytest.mark.parametrize("kernel", ["6.1-amd64", "6.12-amd64", "7.2-amd64", "7.3-amd64"])
def test_every_tracepoint_of_a_kernel_is_known(corpus: Path, kernel: str) -> None:
    blob = Blob(_unxz(corpus / "kernels" / kernel / "vmlinux.btf.xz"), kernel)
    typedefs = blob.own_names(Kind.TYPEDEF)
    names = {name.removeprefix("btf_trace_") for name in typedefs if name.startswith("btf_trace_")}
    known = for_release(LEVELS[kernel.split("-")[0]]).tracepoints
    assert len(names) > 600
    assert {name for name in names if name not in known} == set()


def test_system_call_events_attach_where_the_call_is_in_the_table(corpus: Path) -> None:
    rows = csv.DictReader(io.StringIO(_unxz(corpus / "oracle" / "verdicts.csv.xz").decode()))
    checked = set()
    for row in rows:
        event = re.fullmatch(r"\??(?:tp|tracepoint)/syscalls/sys_(?:enter|exit)_(\w+)", row["section"])
        if event is None or not row["attach_ok"]:
            continue
        known = for_release(LEVELS[row["kernel"]]).syscalls(row["arch"])
        assert known is not None
        assert (event[1] in known) == (row["attach_ok"] == "1"), (row["kernel"], row["arch"], row["section"])
        checked.add(row["attach_ok"])
    assert checked == {"0", "1"}


@pytest.mark.parametrize("release", RELEASES)
def test_sections_agree_with_the_other_parse(corpus: Path, release: str) -> None:
    wanted = []
    for row in _facts(corpus, "sec_defs")[release]:
        flags = frozenset(flag.removeprefix("SEC_") for flag in row["flags"] if flag not in ("SEC_NONE", "0"))
        attach = row["expected_attach_type"].removeprefix("BPF_").removeprefix("0")
        wanted.append((row["sec"], row["prog_type"].removeprefix("BPF_PROG_TYPE_"), attach, flags))
    assert [(row.pattern, row.prog_type, row.attach_type, row.flags) for row in sec_defs(LEVELS[release])] == wanted


# Where the code of the JIT was read more closely: atomics that it refuses; load-acquire in another word size's file,
# or only mentioned to refuse it; fsession that 32-bit powerpc asks not to have; architectures without 32-bit kernels.
CLOSER = {"atomic64", "load_acquire_store_release"}
CAPS = ("kfunc_call", "trampoline", "fentry_on_kernel_functions", "subprog_tailcalls", "arena", "exceptions",
        "private_stack", "fsession", "stack_args", "arena_args", "load_acquire_store_release",
        "atomic64")  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
def test_jit_capabilities_agree_with_the_other_parse(corpus: Path, release: str) -> None:
    knowledge: Knowledge = for_release(LEVELS[release])
    for arch, row in _facts(corpus, "arch_caps")["by_version"][release].items():
        caps = knowledge.caps(arch)
        differ = {name for name in CAPS if bool(row.get(name)) != getattr(caps, name)}
        assert differ <= CLOSER, arch
        assert not any(getattr(caps, name) for name in differ), arch
