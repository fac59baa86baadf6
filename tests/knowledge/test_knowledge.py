# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The shipped knowledge tables and how they are found (R-2.3, R-4.8, R-11.1..6, R-11, last table)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfuncscope.bpf.sections import sec_defs
from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import knowledge, names, tables
from kfuncscope.knowledge.kfunc_filters import Caller, FilterRule, KfuncFilter
from kfuncscope.knowledge.knowledge import Knowledge, for_release
from kfuncscope.knowledge.sources import LevelFolder
from kfuncscope.resources import resource
from kfuncscope.storage.cache import default_cache
from support.levels import forget, one_level

RELEASES = ("6.1", "6.12", "7.2", "7.3")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The user's own tables stay out of the tests; nothing is kept from one test to the next."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    forget()
    yield
    forget()


@pytest.mark.parametrize(
    ("asked", "found", "borrowed", "others"),
    [
        ("6.12.107+deb13-amd64", "6.12.107", None, ()),
        ("6.1.192", "6.1.192", None, ()),
        ("6.1.0-56-amd64", "6.1.192", "6.1.0-56-amd64", ("6.1.4",)),  # the name of an ABI: any level of the series
        ("7.3", "7.3.4", None, ()),  # the only one of its series
        ("6.12.110", "6.12.107", "6.12.110", ("6.12.111",)),  # between two of its series the one below counts
        ("6.17.13+deb14-arm64", "6.17.8", "6.17.13+deb14-arm64", ("6.18.15",)),
        ("7.0.13", "7.1.3", "7.0.13", ("6.19.11",)),  # between two series the one above counts
        ("5.15.0", "6.1.4", "5.15.0", ("5.10.262",)),
        ("9.9", "7.3.4", "9.9", ()),  # nothing newer: the newest
        (None, "7.3.4", None, ()),
        ("no release at all", "7.3.4", "no release at all", ()),
    ],
)
def test_tables_for_a_release(asked: str | None, found: str, borrowed: str | None, others: tuple[str, ...]) -> None:
    tables_ = for_release(asked)
    assert (tables_.release, tables_.borrowed_for) == (found, borrowed)
    assert tuple(other.release for other in tables_.others) == others
    assert tables_.beyond == (asked == "9.9")


def test_users_tables_take_part(tmp_path: Path) -> None:
    own = tmp_path / "data" / "kfuncscope" / "knowledge"
    shipped = knowledge.releases()
    assert "6.17.13" not in shipped and "6.6.50" not in shipped
    one_level(own / "6.17.13", "7.2.13")
    one_level(own / "6.6.50", "6.12.8")
    forget()
    assert set(knowledge.releases()) == {*shipped, "6.17.13", "6.6.50"}
    assert for_release("6.17.13").borrowed_for is None
    assert for_release("6.5").others[0].release == "6.1.192" and for_release("6.5").release == "6.6.50"
    given = tmp_path / "given"
    one_level(given / "6.12.107+deb13", "7.2.13")
    assert for_release("6.12.107+deb13-amd64", given).release == "6.12.107+deb13"
    assert for_release("6.12.90", given).release == "6.12.90"
    assert "6.6" in [level[:3] for level in names.landmarks()]


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    folder = one_level(tmp_path / "9.1", "7.3.4")
    (folder / "helpers.json").write_text("not read")
    tables_ = Knowledge("9.1", LevelFolder(folder))
    assert tables_.kfuncs and tables_.kfunc_filters
    with pytest.raises(KnowledgeError, match=r"helpers\.json.*not JSON"):
        _ = tables_.helpers


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kfuncs.json", b"[]"),
        ("kfuncs.json", b'{"sets":'),
        ("kfuncs.json.xz", b"\xfd7zXZ\0garbage"),
        ("kfuncs.json", b"\xff"),
    ],
)
def test_damaged_table_is_one_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "9.1"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(KnowledgeError, match="kfuncs"):
        tables.read(folder, "kfuncs")


def test_table_of_another_version(tmp_path: Path) -> None:
    tables.write(tmp_path / "9.1", "kfuncs", {"provenance": {}})
    with pytest.raises(KnowledgeError, match=r"has no 'sets'.*build it again"):
        _ = Knowledge("9.1", LevelFolder(tmp_path / "9.1")).kfuncs


def test_table_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="cannot be read"):
        tables.read(tmp_path, "kfuncs")


def test_written_table_reads_back(tmp_path: Path) -> None:
    content = {"long": {"a": "x" * 99, "b": [1, 2]}, "rows": [["é", None]] * 40, "short": 1}
    for compress in (False, True):
        tables.write(tmp_path, "one", content, compress=compress)
        assert len(list(tmp_path.iterdir())) == 1
        assert tables.read(tmp_path, "one") == content


@pytest.mark.parametrize("release", RELEASES)
def test_every_table_of_every_release_reads(release: str) -> None:
    tables_ = for_release(release)
    assert tables_.provenance.source.startswith(f"Linux {release}")
    assert len(tables_.kfuncs) > 60 and len(tables_.helpers) >= 209 and len(tables_.tracepoints) > 5000
    assert {f.prog_types <= tables_.kfunc_hooks.keys() for f in tables_.kfuncs.values()} == {True}
    assert all(reg.filters == () or reg.filters[0] in tables_.kfunc_filters
               for fact in tables_.kfuncs.values() for reg in fact.registrations)  # fmt: skip
    assert all(rule.understood for rule in tables_.kfunc_filters.values())
    assert all(tables_.tracepoints[name].name == name for name in ("sched_switch", "sys_enter"))
    assert len(tables_.lsm_hooks) >= 245 and "tcp_congestion_ops" in tables_.struct_ops
    assert tables_.uapi["helpers"][1] == "map_lookup_elem"
    assert not any(
        kind == "text" for fact in tables_.helpers.values() for allow in fact.prog_types.values()
        for way in allow.alternatives for kind, _, _ in way.conditions
    )  # fmt: skip


def test_tables_stay_small() -> None:
    size = sum(file.stat().st_size for file in resource("knowledge").rglob("*") if file.is_file())
    assert size < 4_000_000


def test_filters_of_r_11_1() -> None:
    new, middle, old = for_release("7.3"), for_release("7.2"), for_release("6.12")
    tracing, lsm = Caller("TRACING", attach_type="TRACE_RAW_TP"), Caller("LSM", attach_type="LSM_MAC")
    for release in (new, middle, old):
        fs = release.kfunc_filters["bpf_fs_kfuncs_filter"]
        assert fs.passes("bpf_get_task_exe_file", tracing) == "no"
        assert fs.passes("bpf_get_task_exe_file", lsm) == "yes"
        iterator = release.kfunc_filters["tracing_iter_filter"]
        assert iterator.passes("bpf_sock_destroy", tracing) == "no"
        assert iterator.passes("bpf_sock_destroy", Caller("TRACING", attach_type="TRACE_ITER")) == "yes"
    misc = Caller("STRUCT_OPS", struct_ops="binfmt_misc_ops", member="load")
    assert new.kfunc_filters["bpf_fs_kfuncs_filter"].passes("bpf_get_task_exe_file", misc) == "yes"
    assert middle.kfunc_filters["bpf_fs_kfuncs_filter"].passes("bpf_get_task_exe_file", misc) == "no"
    assert new.kfunc_filters["bpf_fs_kfuncs_filter"].passes("bpf_set_dentry_xattr", misc) == "no"  # for LSM alone
    session = Caller("KPROBE", attach_type="TRACE_KPROBE_SESSION")
    assert old.kfunc_filters["bpf_kprobe_multi_filter"].passes("bpf_session_cookie", session) == "yes"
    plain = Caller("KPROBE", attach_type="TRACE_KPROBE_MULTI")
    assert new.kfunc_filters["bpf_session_filter"].passes("bpf_session_cookie", plain) == "no"
    ksock = new.kfunc_filters["bpf_ksock_kfunc_filter"]
    assert ksock.passes("bpf_ksock_acquire", Caller("LSM", hook="socket_sendmsg")) == "no"
    assert ksock.passes("bpf_ksock_acquire", Caller("LSM", hook="file_open")) == "yes"
    assert ksock.passes("bpf_dynptr_from_skb", Caller("SCHED_CLS")) == "yes"


@pytest.mark.parametrize(
    ("kfunc", "member", "answer"),
    [
        ("scx_bpf_select_cpu_dfl", "select_cpu", "yes"),
        ("scx_bpf_select_cpu_dfl", "dispatch", "no"),
        ("scx_bpf_dsq_insert___v2", "dispatch", "yes"),
        ("scx_bpf_dsq_insert___v2", "init", "no"),
        ("scx_bpf_create_dsq", "init", "yes"),
        ("scx_bpf_create_dsq", "enqueue", "no"),
        ("scx_bpf_reenqueue_local", "cpu_release", "yes"),
        ("scx_bpf_kick_cpu", "tick", "yes"),
    ],
)
def test_scheduler_filter_knows_members(kfunc: str, member: str, answer: str) -> None:
    rule = for_release("7.3").kfunc_filters["scx_kfunc_context_filter"]
    assert rule.passes(kfunc, Caller("STRUCT_OPS", struct_ops="sched_ext_ops", member=member)) == answer
    assert rule.passes(kfunc, Caller("STRUCT_OPS", struct_ops="tcp_congestion_ops", member="init")) == "no"
    cid = rule.passes("scx_bpf_kick_cpu", Caller("STRUCT_OPS", struct_ops="sched_ext_ops_cid", member="tick"))
    assert cid == "no"  # kfuncs that take a CPU are shut to the cid form


def test_filter_rule_without_the_member_is_open() -> None:
    rule = KfuncFilter("f", frozenset({"k"}), (FilterRule(struct_ops=frozenset({"a"}), members=frozenset({"m"})),))
    assert rule.passes("k", Caller("STRUCT_OPS", struct_ops="a")) == "unknown"
    assert rule.passes("k", Caller("STRUCT_OPS", struct_ops="b")) == "no"
    assert rule.passes("other", Caller("XDP")) == "yes"
    assert KfuncFilter("f", frozenset({"k"}), (), understood=False).passes("k", Caller("XDP")) == "unknown"


@pytest.mark.parametrize("release", RELEASES)
def test_helpers_of_struct_ops_r_11_2(release: str) -> None:
    allowed = for_release(release).helper_allowed
    for helper, member, answer in (
        ("setsockopt", "release", "no"), ("setsockopt", "init", "yes"), ("setsockopt", "", "unknown"),
        ("sk_storage_get", "release", "yes"), ("tcp_send_ack", "cong_avoid", "yes"), ("skc_to_tcp_sock", "init", "no"),
        ("map_lookup_elem", "init", "yes"), ("probe_read_kernel", "init", "yes"), ("redirect_map", "init", "no"),
    ):  # fmt: skip
        told = allowed(helper, "STRUCT_OPS", struct_ops_type="tcp_congestion_ops", member=member)
        assert told.allowed == answer, (helper, member, told)
    assert allowed("map_lookup_elem", "STRUCT_OPS", struct_ops_type="bpf_dummy_ops", member="test_1").allowed == "no"


def test_helper_conditions_r_11_3_and_4() -> None:
    allowed = for_release("7.3").helper_allowed
    assert allowed("setsockopt", "TRACING", attach_type="BPF_TRACE_ITER", hook="tcp").allowed == "yes"
    assert allowed("setsockopt", "TRACING", attach_type="BPF_TRACE_ITER", hook="task").allowed == "no"
    assert allowed("setsockopt", "CGROUP_SOCKOPT", attach_type="BPF_CGROUP_SETSOCKOPT").allowed == "yes"
    assert allowed("setsockopt", "CGROUP_SOCKOPT", attach_type="BPF_CGROUP_GETSOCKOPT").allowed == "no"
    assert allowed("bind", "CGROUP_SOCK_ADDR", attach_type="CGROUP_INET4_CONNECT").allowed == "yes"
    assert allowed("bind", "CGROUP_SOCK_ADDR", attach_type="CGROUP_INET4_BIND").allowed == "no"
    assert allowed("get_retval", "CGROUP_SOCK").allowed == "yes"
    assert allowed("get_retval", "CGROUP_SKB", attach_type="CGROUP_INET_EGRESS").allowed == "no"
    assert allowed("get_func_ret", "TRACING", attach_type="TRACE_FEXIT").allowed == "yes"
    assert allowed("get_func_ret", "SYSCALL").allowed == "no"
    assert allowed("skc_to_tcp_sock", "SOCK_OPS", attach_type="CGROUP_SOCK_OPS").allowed == "yes"
    assert allowed("map_lookup_elem", "EXT").allowed == "unknown"
    assert allowed("map_lookup_elem", "NO_SUCH_TYPE").allowed == "unknown"
    # get_stackid of perf events is another function than that of the rest, under another licence rule
    assert not allowed("get_stackid", "PERF_EVENT").gpl_only and allowed("get_stackid", "KPROBE").gpl_only


def test_helpers_that_hang_on_config_or_architecture() -> None:
    allowed = for_release("6.12").helper_allowed
    assert allowed("override_return", "KPROBE").allowed == "unknown"
    assert allowed("override_return", "KPROBE", config={"CONFIG_BPF": "y"}).allowed == "no"
    assert allowed("override_return", "KPROBE", config={"CONFIG_BPF_KPROBE_OVERRIDE": "y"}).allowed == "yes"
    assert allowed("probe_read", "KPROBE", arch="s390x").allowed == "no"
    assert allowed("probe_read", "KPROBE", arch="x86_64").allowed == "yes"
    assert allowed("probe_read", "KPROBE").allowed == "unknown"
    assert allowed("fib_lookup", "XDP").allowed == "yes"  # CONFIG_INET is taken as set where no config tells


def test_struct_ops_members_r_11_6() -> None:
    old, middle, new = for_release("6.1"), for_release("6.12"), for_release("7.3")
    assert old.struct_ops["bpf_dummy_ops"].sleepable == frozenset()
    assert middle.struct_ops["bpf_dummy_ops"].sleepable == {"test_sleepable"}
    assert new.struct_ops["hid_bpf_ops"].sleepable == {"hid_rdesc_fixup", "hid_hw_request", "hid_hw_output_report"}
    assert (
        "init" in new.struct_ops["sched_ext_ops"].sleepable and "tick" not in new.struct_ops["sched_ext_ops"].sleepable
    )
    assert {"cid_online", "cpuctl_init"} <= new.struct_ops["sched_ext_ops_cid"].sleepable  # by equal offsets
    assert new.struct_ops["binfmt_misc_ops"].must_sleep == {"match", "load"}
    for release in (old, middle, new):
        assert release.struct_ops["tcp_congestion_ops"].unsupported == {"get_info"}
    assert (
        "peek" in new.struct_ops["Qdisc_ops"].unsupported and "enqueue" not in new.struct_ops["Qdisc_ops"].unsupported
    )
    assert new.struct_ops["bpf_dummy_ops"].helpers is None
    assert middle.struct_ops["sched_ext_ops"].helpers == {
        "task_storage_get": frozenset(),
        "task_storage_delete": frozenset(),
    }
    assert new.struct_ops["sched_ext_ops"].helpers == {}


def test_deny_lists_r_7_11_and_r_11_16() -> None:
    old, new = for_release("6.1"), for_release("7.3")
    assert old.noreturn_deny == frozenset() and "do_exit" in new.noreturn_deny
    assert "migrate_disable" in old.btf_id_deny
    assert new.fmodret["bpf_fentry_test1"] & new.flag_bits["KF_SLEEPABLE"]
    assert "update_socket_protocol" in new.fmodret


def test_architectures() -> None:
    old, middle, new = for_release("6.1"), for_release("6.12"), for_release("7.3")
    assert not old.caps("s390x").trampoline and middle.caps("s390x").trampoline
    assert old.caps("arm64").trampoline and not old.caps("arm64").fentry_on_kernel_functions
    assert not middle.caps("ppc64el").trampoline and new.caps("ppc64le").trampoline
    assert new.caps("amd64").kfunc_call and not new.caps("armhf").kfunc_call
    assert new.caps("riscv64").arena
    assert new.caps("sparc32").jit == "cbpf" and new.caps("loongarch32").jit == "none"


def test_section_table_r_2_3() -> None:
    newest = sec_defs()
    assert [len(sec_defs(release)) for release in RELEASES] == [81, 101, 116, 116]
    assert newest[:116] == sec_defs("7.3")
    (sleepable,) = [row for row in newest if row.pattern == "lsm.s+"]
    assert (sleepable.prog_type, sleepable.attach_type) == ("LSM", "LSM_MAC")
    assert {"ATTACH_BTF", "SLEEPABLE"} <= sleepable.flags


def test_names_across_releases() -> None:
    assert names.renames()["scx_bpf_consume"] == "scx_bpf_dsq_move_to_local"
    assert names.first_release("kfunc", "bpf_task_acquire") == "6.2"
    assert names.first_release("kfunc", "bpf_never") is None
    assert names.first_release("nothing", "bpf_never") is None
    last = names.last_with("bpf_wq_set_callback_impl")
    assert last is not None and last.release == "6.19.11"
    assert names.last_with("bpf_never") is None


def test_tables_say_where_they_come_from() -> None:
    for file in resource("knowledge").rglob("*.json"):
        provenance = json.loads(file.read_text())["provenance"]
        assert provenance["source"] and provenance["made"], file


def test_functions_without_tracing_are_found_in_the_text_of_rows() -> None:
    """The rows that are kept say of each function what the table says, in its order of files (R-7.9)."""
    known = for_release("7.3.4")
    files = known._read("notrace")["files"]
    names = [name for listed in files.values() for name in listed][::997]
    assert len(names) > 20
    for name in (*names, "vfs_read", "", "a\0b", names[0][:-1]):
        assert known.not_traced.files(name) == [path for path, listed in files.items() if name in listed]
    again = Knowledge(known.release, known._source)  # as a later run has it, from the cache
    assert again.not_traced.files(names[0]) == known.not_traced.files(names[0])


def test_rows_of_another_form_are_made_again() -> None:
    """What somebody else put into the cache under the key of the rows is not believed."""
    source = for_release("7.3.4")._source
    rows = source.not_traced()
    for entry in default_cache().entries():
        if entry.key.endswith(":rows"):
            default_cache().put(entry.key, b"no rows", compress=False)
    assert source.not_traced() == rows
