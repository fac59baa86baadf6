# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A history with every kind of change, the questions that it is asked, and what is right for each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kfuncscope.model.analysis import Analysis, ArchResult, KernelInfo
from kfuncscope.model.failure import Failure
from kfuncscope.model.origin import Found
from kfuncscope.model.verdict import (
    Evidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Tri,
    Verdict,
)
from support.kernelrepo import KernelRepo

K = NeedKind
KFUNCS = """\
__bpf_kfunc int scx_consume(u64 dsq, u64 flags)
{
	return dsq != 0;
}
__bpf_kfunc int scx_consume_task(u64 dsq)
{
	return dsq != 1;
}
__bpf_kfunc s32 scx_move(u64 dsq)
{
	return 0;
}
__bpf_kfunc bool session_is_return(
	void)
{
	return true;
}
BTF_KFUNCS_START(scx_kfunc_ids)
BTF_ID_FLAGS(func, scx_consume)
BTF_ID_FLAGS(func, scx_consume_task)
BTF_ID_FLAGS(func, scx_move, KF_SLEEPABLE)
BTF_ID_FLAGS(func, session_is_return)
BTF_KFUNCS_END(scx_kfunc_ids)
"""
FILES = {
    "kernel/sched/ext.c": KFUNCS,
    "kernel/sched/sched.h": "struct cfs_rq {\n\tstruct load load;\n\tunsigned int nr_running;\n"
    "\tu64 min_vruntime;\n};\nstruct rt_rq {\n\tunsigned int nr_running;\n};\n",
    "kernel/time/hrtimer.c": "void hrtimer_init(struct hrtimer *timer, int mode)\n{\n\ttimer->x = mode;\n}\n"
    "/* hrtimer_init is called early */\nstatic int hrtimer_tail(int a)\n{\n\treturn a;\n}\n",
    "include/trace/events/xdp.h": "TRACE_EVENT(xdp_redirect,\n\tTP_PROTO(const struct net_device *dev, u32 index),\n"
    "\tTP_ARGS(dev, index),\n"
    "\tTP_STRUCT__entry(__field(u32, act) __field(u32, index))\n);\nDEFINE_EVENT(xdp_template, xdp_redirect_map,\n"
    "\tTP_PROTO(int act),\n\tTP_ARGS(act)\n);\n",
    "include/linux/lsm_hook_defs.h": "LSM_HOOK(int, 0, file_open, struct file *file)\n"
    "LSM_HOOK(void, LSM_RET_VOID, current_getsecid_subj, u32 *secid)\n"
    "LSM_HOOK(int, 0, bpf_map_create, struct bpf_map *map, union bpf_attr *attr,\n\t struct bpf_token *token)\n",
    "include/uapi/linux/bpf.h": "enum bpf_map_type {\n\tBPF_MAP_TYPE_HASH = 1,\n\tBPF_MAP_TYPE_OLD,\n};\n"
    "#define ___BPF_FUNC_MAPPER(FN, ctx...) \\\n\tFN(unspec, 0, ##ctx) \\\n\tFN(get_cookie, 46, ##ctx) \\\n"
    "\tFN(get_netns_cookie, 122, ##ctx)\n",
    "net/socket.c": "SYSCALL_DEFINE2(sendfancy, int, fd, int, flags)\n{\n\treturn 0;\n}\n"
    "int __sys_getsockname(int fd, struct sockaddr *addr,\n\t\t      int *len)\n{\n\treturn 0;\n}\n",
    "mm/inlined.c": "static void account_io_done(struct request *req)\n{\n\treq->done = 1;\n}\n",
    "kernel/Kconfig.preempt": "config PREEMPT_OLD\n\tbool\n\nconfig PREEMPT\n\tbool\n",
    "drivers/hid/moved.c": "int hid_old_place(void *a)\n{\n\treturn 0;\n}\nint stays(void)\n{\n\treturn 0;\n}\n",
    "kernel/moving.c": "int only_moved(int a)\n{\n\treturn a;\n}\nint other(void)\n{\n\treturn 0;\n}\n",
    "kernel/merged.c": "int gone_in_merge(void)\n{\n\treturn 0;\n}\nint kept(void)\n{\n\treturn 1;\n}\n",
    "kernel/twice.c": "int back_and_gone(void)\n{\n\treturn 0;\n}\nint copied_then_gone(void)\n{\n\treturn 0;\n}\n",
    "kernel/gated.c": "int gated_one(void)\n{\n\treturn 0;\n}\n",
    "kernel/back.c": "int removed_and_back(void)\n{\n\treturn 0;\n}\n",
    "kernel/old.c": "int from_old_branch(void)\n{\n\treturn 0;\n}\nint more(void)\n{\n\treturn 0;\n}\n",
    "include/linux/event.h": "struct event {\n#ifdef CONFIG_A\n\tint a, *b;\n#endif\n\tstruct a *c;\n};\n"
    "struct outer {\n\tstruct {\n\t\tint deep;\n\t} inner;\n};\n",
    "kernel/listed.c": "__bpf_kfunc void listed_elsewhere(void)\n{\n}\nBTF_KFUNCS_START(ids)\n"
    "BTF_ID_FLAGS(func, listed_elsewhere)\nBTF_KFUNCS_END(ids)\n"
    "BTF_SET_START(special)\nBTF_ID(func, listed_elsewhere)\nBTF_SET_END(special)\n",
    "kernel/vars.c": "DEFINE_PER_CPU_SHARED_ALIGNED(struct rq, old_queues);\nint sysctl_gone __read_mostly = 1;\n"
    "EXPORT_SYMBOL(sysctl_gone);\nunsigned long retyped;\nint kept[4];\nint reads(int old_queues)\n{\n"
    "\tint sysctl_gone = 2;\n\n\treturn kept[1] + sysctl_gone;\n}\n",
    "include/linux/vars.h": "DECLARE_PER_CPU_SHARED_ALIGNED(struct rq, old_queues);\nextern int sysctl_gone;\n"
    "extern unsigned long retyped;\nextern int kept[];\n",
    "kernel/macro.c": "MAKES_IT(made_by_macro)\nMAKES_IT(made_beside)\n",
}


class Told(NamedTuple):
    """What a history is asked, and what is right: the subject of the commit, empty where there is none to name."""

    kind: NeedKind
    name: str
    removed: bool
    subject: str
    found: Found = Found.COMMIT
    section: str = "kprobe/x"


ASKED = (
    Told(K.KFUNC, "scx_consume", True, "sched_ext: Rename scx_consume() to scx_move_local()"),
    Told(K.KFUNC, "scx_move", False, "sched_ext: scx_move() takes flags"),
    Told(K.KFUNC, "session_is_return", False, "bpf: session_is_return() takes the context"),
    Told(K.FIELD, "struct cfs_rq.nr_running", True, "sched: Rename nr_running of cfs_rq"),
    Told(K.FIELD, "struct cfs_rq.min_vruntime", False, "sched: min_vruntime is signed"),
    Told(K.HOOK, "hrtimer_init", True, "hrtimer: Remove hrtimer_init()"),
    Told(K.HOOK, "xdp_redirect_map", True, "xdp: Remove the map tracepoints", section="tp_btf/xdp_redirect_map"),
    Told(K.HOOK, "xdp_redirect", False, "xdp: Widen the index", section="tp_btf/xdp_redirect"),
    Told(K.HOOK, "current_getsecid_subj", True, "lsm: Drop current_getsecid_subj", section="lsm/x"),
    Told(K.HOOK, "bpf_map_create", False, "lsm: bpf_map_create gets kernel", section="lsm/bpf_map_create"),
    Told(K.HELPER, "bpf_get_netns_cookie", True, "bpf: Remove a helper"),
    Told(K.ENUMVAL, "enum bpf_map_type.BPF_MAP_TYPE_OLD", True, "bpf: Remove BPF_MAP_TYPE_OLD"),
    Told(K.HOOK, "__x64_sys_sendfancy", True, "net: Remove sendfancy()"),
    Told(K.HOOK, "__sys_getsockname", False, "net: getsockname takes a file"),
    Told(K.KCONFIG, "CONFIG_PREEMPT_OLD", True, "sched: Remove PREEMPT_OLD"),
    Told(K.HOOK, "hid_old_place", True, "HID: Remove hid_old_place()"),
    Told(K.HOOK, "gone_in_merge", True, "Merge branch 'side'"),
    Told(K.HOOK, "back_and_gone", True, "twice: Remove it again"),
    Told(K.HOOK, "copied_then_gone", True, "twice: Remove the copy too"),
    Told(K.HOOK, "removed_and_back", True, "", Found.NO_CHANGE),
    Told(K.HOOK, "from_old_branch", True, "old: Remove it on a branch"),
    Told(K.FIELD, "struct event.a", False, "event: Retype a", section="tp/x"),
    Told(K.FIELD, "struct trace_event_raw_xdp_redirect.index", True, "xdp: Drop the index from the record"),
    Told(K.FIELD, "struct outer.inner.deep", True, "", Found.NOT_FOUND),
    Told(K.KFUNC, "listed_elsewhere", True, "kfunc: Take it out of the set"),
    Told(K.HOOK, "account_io_done", True, "", Found.NO_CHANGE),
    Told(K.HOOK, "only_moved", True, "", Found.NO_CHANGE),
    Told(K.HOOK, "only_moved", False, "", Found.NOT_FOUND),
    Told(K.KFUNC, "scx_consume_task", True, "", Found.NOT_FOUND),
    Told(K.HOOK, "gated_one", True, "gated: Only with CONFIG_EXTRA", Found.PROBABLY),
    Told(K.HOOK, "made_by_macro", True, "macro: Remove one", Found.PROBABLY),
    Told(K.KSYM, "old_queues", True, "sched: Remove the old queues"),
    Told(K.KSYM, "sysctl_gone", True, "vars: Remove sysctl_gone"),
    Told(K.KSYM, "retyped", False, "vars: Retype"),
    Told(K.KSYM, "kept", True, "", Found.NO_CHANGE),
    Told(K.HOOK, "sys_enter_sendfancy", True, "net: Remove sendfancy()", section="tp/syscalls/sys_enter_sendfancy"),
    Told(K.HOOK, "never_there", True, "", Found.NOT_FOUND),
    Told(K.HOOK, "weird name;--output=x", True, "", Found.NOT_SEARCHED),
    Told(K.JIT, "bpf_arena", True, "", Found.NOT_SEARCHED),
)  # fmt: skip


def history(root: Path) -> KernelRepo:
    """The history of ``ASKED`` between v6.12 and v6.16, with changes beside each that could be taken for it."""
    repo = KernelRepo(root)
    for path, text in FILES.items():
        repo.put(path, text)
    start = repo.commit("Linux 6.11")
    repo.git("checkout", "-q", "-b", "old", start)
    text = repo.text("kernel/old.c")
    repo.put("kernel/old.c", text[text.index("int more") :])
    repo.commit("old: Remove it on a branch")
    repo.git("checkout", "-q", "master")
    repo.commit("Linux 6.12")
    repo.tag("v6.12")
    repo.days += 1
    repo.git("merge", "-q", "--no-ff", "-m", "Merge branch 'old'", "old")
    _until_613(repo)
    repo.tag("v6.13")
    _until_614(repo)
    repo.tag("v6.14")
    _merges(repo)
    repo.tag("v6.15-rc1")
    repo.commit("Linux 6.15")
    repo.tag("v6.15")
    _moves(repo)
    repo.tag("v6.16")
    repo.commit("After the release")
    return repo


def _until_613(repo: KernelRepo) -> None:
    ext, sched = "kernel/sched/ext.c", "kernel/sched/sched.h"
    repo.change(ext, "return dsq != 1;", "return scx_consume(dsq, 0);", "sched_ext: Use scx_consume()")
    repo.change(ext, "return scx_consume(dsq, 0);", "return dsq != 2;", "sched_ext: Do not use scx_consume()")
    repo.put(ext, repo.text(ext).replace("scx_consume(", "scx_move_local(").replace("scx_consume)", "scx_move_local)"))
    repo.commit(
        "sched_ext: Rename scx_consume() to scx_move_local()",
        "Text.\n\nLink: https://example.org/bug\nLink: https://lore.kernel.org/r/2024@example.org\nSigned-off-by: A",
    )
    repo.change(ext, "scx_move(u64 dsq)", "scx_move(u64 queue)", "sched_ext: Rename a parameter")
    repo.change(ext, "scx_move(u64 queue)", "scx_move(u64 queue, u64 flags)", "sched_ext: scx_move() takes flags")
    repo.change(ext, "u64 queue, u64 flags", "u64 q, u64 flags", "sched_ext: Rename a parameter again")
    repo.change(ext, "\tvoid)", "\tvoid *ctx)", "bpf: session_is_return() takes the context")
    repo.change(
        sched, "struct rt_rq {\n\tunsigned int nr_running;", "struct rt_rq {\n\tint nr_running;", "sched: rt_rq"
    )
    repo.edit(sched, "load;\n\tunsigned int nr_running;", "load;\n\tunsigned int nr_queued;")
    repo.edit(sched, "struct rt_rq {", "struct dl_rq {\n\tint nr_running;\n};\nstruct rt_rq {")
    repo.commit("sched: Rename nr_running of cfs_rq")
    repo.change(sched, "u64 min_vruntime", "s64 min_vruntime", "sched: min_vruntime is signed")


def _until_614(repo: KernelRepo) -> None:
    timer, xdp, lsm = "kernel/time/hrtimer.c", "include/trace/events/xdp.h", "include/linux/lsm_hook_defs.h"
    bpf, socket = "include/uapi/linux/bpf.h", "net/socket.c"
    text = repo.text(timer)
    repo.put(timer, text[text.index("/* hrtimer_init is") :])
    repo.commit("hrtimer: Remove hrtimer_init()")
    repo.change(timer, "hrtimer_init is called", "nothing is called", "hrtimer: Update a comment")
    repo.put(xdp, repo.text(xdp).split("DEFINE_EVENT")[0])
    repo.commit("xdp: Remove the map tracepoints")
    repo.change(xdp, "u32 index", "u64 index", "xdp: Widen the index")
    repo.put(lsm, repo.text(lsm).replace("LSM_HOOK(void, LSM_RET_VOID, current_getsecid_subj, u32 *secid)\n", ""))
    repo.commit("lsm: Drop current_getsecid_subj")
    repo.change(lsm, "*token)", "*token,\n\t bool kernel)", "lsm: bpf_map_create gets kernel")
    repo.change(bpf, " \\\n\tFN(get_netns_cookie, 122, ##ctx)", "", "bpf: Remove a helper")
    repo.change(bpf, "\tBPF_MAP_TYPE_OLD,\n", "", "bpf: Remove BPF_MAP_TYPE_OLD")
    text = repo.text(socket)
    repo.put(socket, text[text.index("int __sys") :])
    repo.commit("net: Remove sendfancy()")
    repo.change(
        socket, "\t\t      int *len)", "\t\t      int *len, struct file *file)", "net: getsockname takes a file"
    )
    repo.change("kernel/Kconfig.preempt", "config PREEMPT_OLD\n\tbool\n\n", "", "sched: Remove PREEMPT_OLD")


def _merges(repo: KernelRepo) -> None:
    merged, twice = "kernel/merged.c", "kernel/twice.c"
    repo.git("checkout", "-q", "-b", "side")
    repo.change(merged, "return 1;", "return 2;", "merged: On the side")
    repo.git("checkout", "-q", "master")
    repo.change("mm/inlined.c", "req->done = 1;", "req->done = 2;", "mm: Another body")
    repo.git("merge", "-q", "--no-commit", "--no-ff", "side")
    text = repo.text(merged)
    repo.put(merged, text[text.index("int kept") :])
    repo.commit("Merge branch 'side'")
    whole = repo.text(twice)
    without = whole[whole.index("int copied") :]
    repo.put(twice, without)
    repo.commit("twice: Remove it")
    repo.put(twice, whole)
    repo.commit('Revert "twice: Remove it"')
    repo.put(twice, without)
    repo.commit("twice: Remove it again")
    repo.put("fs/copy.c", without)
    repo.commit("twice: Copy")
    repo.put(twice, "/* empty */\n")
    repo.commit("twice: Remove the first")
    repo.put("fs/copy.c", "/* empty */\n")
    repo.commit("twice: Remove the copy too")


def _moves(repo: KernelRepo) -> None:
    text = repo.text("kernel/back.c")
    repo.put("kernel/back.c", "/* nothing */\n")
    repo.commit("back: Remove it")
    repo.put("kernel/back.c", text)
    repo.commit('Revert "back: Remove it"')
    repo.change("include/linux/event.h", "struct a *c", "const struct a *c", "event: Another a")
    repo.change("include/linux/event.h", "int a, *b", "long a, *b", "event: Retype a")
    repo.change("include/trace/events/xdp.h", " __field(u32, index)", "", "xdp: Drop the index from the record")
    repo.change("kernel/listed.c", "BTF_ID_FLAGS(func, listed_elsewhere)\n", "", "kfunc: Take it out of the set")
    repo.git("mv", "drivers/hid/moved.c", "net/place.c")
    repo.commit("HID: Move a file")
    text = repo.text("net/place.c")
    repo.put("net/place.c", text[text.index("int stays") :])
    repo.commit("HID: Remove hid_old_place()")
    text = repo.text("kernel/moving.c")
    at = text.index("int other")
    repo.put("kernel/moving.c", text[at:])
    repo.put("lib/moved_to.c", text[:at])
    repo.commit("lib: Move only_moved()")
    gated = repo.text("kernel/gated.c")
    repo.put("kernel/gated.c", f"#ifdef CONFIG_EXTRA\n{gated}#endif\n")
    repo.commit("gated: Only with CONFIG_EXTRA")
    _variables(repo)
    repo.change("kernel/macro.c", "MAKES_IT(made_by_macro)\n", "", "macro: Remove one")


def _variables(repo: KernelRepo) -> None:
    source, header = "kernel/vars.c", "include/linux/vars.h"
    repo.edit(source, "DEFINE_PER_CPU_SHARED_ALIGNED(struct rq, old_queues);\n", "")
    repo.edit(header, "DECLARE_PER_CPU_SHARED_ALIGNED(struct rq, old_queues);\n", "")
    repo.commit("sched: Remove the old queues")
    repo.change(source, "\tint sysctl_gone = 2;\n", "\tint sysctl_gone = 3;\n", "vars: Another value")
    repo.change(
        source, "int sysctl_gone __read_mostly = 1;\nEXPORT_SYMBOL(sysctl_gone);\n", "", "vars: Remove sysctl_gone"
    )
    repo.change(header, "extern int sysctl_gone;\n", "", "vars: Remove what declares sysctl_gone")
    repo.edit(header, "extern unsigned long retyped;", "extern u64 retyped;")
    repo.change(source, "unsigned long retyped;", "u64 retyped;", "vars: Retype")
    repo.change(source, "u64 retyped;", "u64 __ro_after_init retyped = 1;", "vars: Where retyped is kept")
    repo.change(source, "int kept[4];", "int kept[8];", "vars: More room")


def kernel(release: str) -> KernelInfo:
    """A kernel of a release, of which nothing else matters here."""
    return KernelInfo(release, "x86_64", release, 0)


def analysis(
    asked: tuple[Told, ...], old: str = "6.12.107+deb13-amd64", new: str = "6.16.3", copies: int = 1
) -> Analysis:
    """An analysis with one finding for each question, in as many programs as there are copies."""
    ok, no = (Outcome(t, t, t) for t in (Tri.YES, Tri.NO))
    programs = [
        ProgramVerdict(
            f"p{i}_{copy}", one.section, "KPROBE", True, Verdict.BREAKS, Reach.PROGRAM, ok, no,
            (Finding(one.kind, one.name, Verdict.BREAKS, "breaks", ("R-2.8",),
                     Failure.ATTACH_FAILED if one.removed else Failure.NONE, Reach.PROGRAM,
                     evidence=Evidence("old", "" if one.removed else "new")),),
        )
        for i, one in enumerate(asked)
        for copy in range(copies)
    ]  # fmt: skip
    obj = ObjectVerdict("o", "", "0" * 64, Verdict.BREAKS, "", tuple(programs))
    return Analysis("1", (ArchResult("x86_64", kernel(old), kernel(new), (obj,)),), ())
