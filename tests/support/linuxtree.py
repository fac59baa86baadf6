# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A make-believe kernel source tree, small enough to read: one of each shape that the knowledge builder handles."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "Makefile": "VERSION = 9\nPATCHLEVEL = 4\nSUBLEVEL = 2\n",
    "Kbuild": "obj-y += kernel/\nobj-$(CONFIG_NET) += net/\n",
    "include/uapi/linux/bpf.h": """
#define ___BPF_FUNC_MAPPER(FN, ctx...) \\
	FN(unspec, 0, ##ctx) \\
	FN(look, 1, ##ctx) \\
	FN(peek_kernel, 2, ##ctx) \\
	FN(setopt, 3, ##ctx) \\
	FN(retval, 4, ##ctx) \\
	FN(sleepy, 5, ##ctx) \\
	FN(lonely, 6, ##ctx) \\
	FN(path, 7, ##ctx) \\
	FN(store, 8, ##ctx) \\
	/* the end */
#define __NOT_A_HELPER(FN) FN(nothing)
enum bpf_cmd { BPF_MAP_CREATE, BPF_PROG_LOAD = 5, __MAX_BPF_CMD };
enum bpf_map_type { BPF_MAP_TYPE_UNSPEC, BPF_MAP_TYPE_HASH /* a comment, with a comma */ };
enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC, BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_LSM };
enum bpf_attach_type { BPF_CGROUP_INET_INGRESS, BPF_LSM_CGROUP };
enum bpf_link_type { BPF_LINK_TYPE_UNSPEC = 0 };
""",
    "include/linux/bpf_types.h": """
#ifdef CONFIG_NET
BPF_PROG_TYPE(BPF_PROG_TYPE_XDP, xdp, struct xdp_md, struct xdp_buff)
#endif
#ifdef CONFIG_BPF_LSM
BPF_PROG_TYPE(BPF_PROG_TYPE_LSM, lsm, void *, void *)
#endif
BPF_PROG_TYPE(BPF_PROG_TYPE_SYSCALL, bpf_syscall, void *, void *)
BPF_PROG_TYPE(BPF_PROG_TYPE_TRACING, toy_tracing, void *, void *)
#ifdef CONFIG_BPF_JIT
BPF_PROG_TYPE(BPF_PROG_TYPE_STRUCT_OPS, bpf_struct_ops, void *, void *)
#endif
""",
    "include/linux/btf.h": """
#define KF_ACQUIRE	(1 << 0) /* taken */
#define KF_RELEASE	(1 << 1)
#define KF_SLEEPABLE	(1 << 5)
#define KF_BOTH		(KF_ACQUIRE | KF_RELEASE)
""",
    "include/linux/tracepoint.h": """
#define DECLARE_TRACE(name, proto, args) \\
	__DECLARE_TRACE(name##_tp, PARAMS(proto), PARAMS(args), cpu_online(0), PARAMS(void *, proto))
""",
    "include/linux/lsm_hook_defs.h": """
LSM_HOOK(int, 0, file_open, struct file *file)
LSM_HOOK(void, LSM_RET_VOID, task_free, struct task_struct *task)
#ifdef CONFIG_SECURITY_NETWORK
LSM_HOOK(int, 0, sock_graft, struct sock *sk, struct socket *parent)
#endif
LSM_HOOK(int, -EOPNOTSUPP, secret, void)
""",
    "include/trace/events/toy.h": """
#undef TRACE_SYSTEM
#define TRACE_SYSTEM toybox
#define TOY_EVENT(event) DEFINE_EVENT(toy_class, event, TP_PROTO(struct toy *toy, int n), TP_ARGS(toy, n))
DECLARE_EVENT_CLASS(toy_class,
	TP_PROTO(struct toy *toy, int n),
	TP_ARGS(toy, n),
	TP_STRUCT__entry(__field(int, n) __string(name, toy->name)),
	TP_fast_assign(__entry->n = n;),
	TP_printk("n=%d (not a closing bracket: \\")", __entry->n));
TOY_EVENT(toy_wound);
TOY_EVENT(toy_stopped);
TRACE_EVENT(toy_sold, TP_PROTO(struct toy *toy), TP_ARGS(toy),
	TP_STRUCT__entry(__field(unsigned long, price)), TP_fast_assign(), TP_printk(""));
DECLARE_TRACE(toy_bare, TP_PROTO(u64 when), TP_ARGS(when));
""",
    "include/net/toyop.h": """
struct toy_ops {
	int (*start)(struct toy *toy);
	void (*stop)(struct toy *toy);
	int (*weird)(struct toy *toy);
	struct { u32 a; u32 b; };
	char name[16];
} ____cacheline_aligned_in_smp;
""",
    "kernel/Makefile": "obj-y += fork.o\nobj-$(CONFIG_BPF) += bpf/\nobj-$(CONFIG_TRACING) += trace/\n",
    "kernel/bpf/Makefile": """
obj-y := core.o
ifeq ($(CONFIG_BPF_JIT),y)
obj-$(CONFIG_BPF_SYSCALL) += jitted.o
endif
obj-$(CONFIG_BPF_SYSCALL) += helpers.o verifier.o btf.o
obj-$(CONFIG_BPF_LSM) += bpf_lsm.o
""",
    "kernel/bpf/core.c": """
const struct bpf_func_proto * __weak
lonely_proto_of(void)
{
	return NULL;
}
""",
    "kernel/bpf/helpers.c": """
const struct bpf_func_proto bpf_look_proto = { .func = bpf_look, .gpl_only = false };
const struct bpf_func_proto bpf_peek_proto = { .func = bpf_peek_kernel, .gpl_only = true, };
const struct bpf_func_proto bpf_retval_proto = { .func = bpf_retval };

const struct bpf_func_proto *
bpf_base_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	switch (func_id) {
	case BPF_FUNC_look:
		return &bpf_look_proto;
	default:
		break;
	}
	if (!bpf_token_capable(prog->aux->token, CAP_PERFMON))
		return NULL;
	switch (func_id) {
	case BPF_FUNC_peek_kernel:
		return security_locked_down(LOCKDOWN_BPF_READ_KERNEL) < 0 ?
			NULL : &bpf_peek_proto;
	default:
		return NULL;
	}
}

const struct bpf_func_proto *
cgroup_common_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	switch (func_id) {
	case BPF_FUNC_retval:
		switch (prog->expected_attach_type) {
		case BPF_CGROUP_INET_INGRESS:
		case BPF_CGROUP_INET_EGRESS:
			return NULL;
		default:
			return &bpf_retval_proto;
		}
	default:
		return NULL;
	}
}

__bpf_kfunc struct toy *bpf_toy_get(struct toy *toy__nullable)
{
	return toy__nullable;
}

__bpf_kfunc void bpf_toy_put(struct toy *toy)
{
	pr_warn("%s() is deprecated; "
		"use bpf_toy_get() in its place, not printk()\\n", __func__);
}

#define TOY_CALL(name) \
	ALLOW_ERROR_INJECTION(sys_##name, ERRNO);
ALLOW_ERROR_INJECTION(toy_may_fail, ERRNO);

__bpf_kfunc noinline u32
bpf_toy_count(const struct toy *toy, u32 flags)
{
	return 0;
}

BTF_KFUNCS_START(toy_kfunc_ids)
BTF_ID_FLAGS(func, bpf_toy_get, KF_ACQUIRE | KF_SLEEPABLE)
#ifdef CONFIG_TOY_BOX
BTF_ID_FLAGS(func, bpf_toy_put, KF_RELEASE)
#endif
BTF_KFUNCS_END(toy_kfunc_ids)

#define TOY_KFUNC(what, name) BTF_ID_FLAGS(func, name)
#define TOY_KFUNC_xxx TOY_KFUNC(COUNT, bpf_toy_count)
BTF_KFUNCS_START(toy_count_ids)
#define TOY_KFUNC(what, name) BTF_ID_FLAGS(func, name)
TOY_KFUNC_xxx
#undef TOY_KFUNC
BTF_KFUNCS_END(toy_count_ids)

BTF_ID_LIST_SINGLE(bpf_lsm_file_open_id, func, bpf_lsm_file_open)

static bool is_free(const struct bpf_prog *prog)
{
	return prog->type == BPF_PROG_TYPE_SYSCALL;
}

static int toy_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	if (!btf_id_set8_contains(&toy_kfunc_ids, kfunc_id))
		return 0;
	if (is_free(prog))
		return 0;
	if (prog->type == BPF_PROG_TYPE_LSM && prog->aux->attach_btf_id != bpf_lsm_file_open_id[0])
		return 0;
	if (prog->aux->st_ops == &bpf_toy_ops &&
		prog->aux->attach_st_ops_member_off == offsetof(struct toy_ops, start))
		return 0;
	return -EACCES;
}

static const struct btf_kfunc_id_set toy_set = {
	.owner = THIS_MODULE,
	.set = &toy_kfunc_ids,
	.filter = toy_filter,
};
static const struct btf_kfunc_id_set count_set = { .owner = THIS_MODULE, .set = &toy_count_ids };

static const enum bpf_prog_type toy_types[] = { BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SYSCALL };

static int register_for(enum bpf_prog_type type, const struct btf_kfunc_id_set *kset)
{
	return register_btf_kfunc_id_set(type, kset);
}

static int __init toy_init(void)
{
	int ret, i;

	ret = register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &toy_set);
	ret = ret ?: register_for(BPF_PROG_TYPE_LSM, &toy_set);
	for (i = 0; i < ARRAY_SIZE(toy_types); i++)
		ret = ret ?: register_btf_kfunc_id_set(toy_types[i], &count_set);
	if (ret || !IS_ENABLED(CONFIG_TOY_OPS))
		return ret;
	ret = register_btf_kfunc_id_set(BPF_PROG_TYPE_LSM, &toy_set);
	ret = ret ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &count_set);
	return ret ?: register_btf_fmodret_id_set(&modret_set);
}

BTF_SET8_START(modret_ids)
BTF_ID_FLAGS(func, bpf_fentry_toy, KF_SLEEPABLE)
BTF_SET8_END(modret_ids)
static const struct btf_kfunc_id_set modret_set = { .set = &modret_ids };
""",
    "kernel/bpf/btf.c": """
static int bpf_prog_type_to_kfunc_hook(enum bpf_prog_type prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_UNSPEC:
		return BTF_KFUNC_HOOK_COMMON;
	case BPF_PROG_TYPE_XDP:
		return BTF_KFUNC_HOOK_XDP;
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		return BTF_KFUNC_HOOK_TRACING;
	default:
		return BTF_KFUNC_HOOK_MAX;
	}
}
static const struct bpf_raw_tp_null_args raw_tp_null_args[] = {
	{ "toy_wound", 0x1 },
	/* ... the second may be an error */
	{ "toy_sold", 0x10 | 0x200 },
};
""",
    "kernel/bpf/verifier.c": """
static bool is_nullable(const struct btf *btf, const struct btf_param *arg)
{
	return btf_param_match_suffix(btf, arg, "__nullable");
}
BTF_SET_START(btf_id_deny)
BTF_ID_UNUSED
#ifdef CONFIG_SMP
BTF_ID(func, migrate_disable)
#endif
#if defined(CONFIG_A) || defined(CONFIG_B)
BTF_ID(func, preempt_count_add)
#endif
BTF_SET_END(btf_id_deny)
BTF_SET_START(noreturn_deny)
BTF_ID(func, do_exit)
BTF_SET_END(noreturn_deny)
static int process_bpf_exit(struct bpf_verifier_env *env, bool exception_exit)
{
	return check_resource_leak(env, exception_exit, exception_exit || !env->cur_state->curframe, "bpf_throw");
}
static bool can_be_sleepable(struct bpf_prog *prog)
{
	return prog->type == BPF_PROG_TYPE_STRUCT_OPS;
}
""",
    "kernel/bpf/bpf_lsm.c": """
BTF_SET_START(bpf_lsm_disabled_hooks)
BTF_ID(func, bpf_lsm_secret)
BTF_SET_END(bpf_lsm_disabled_hooks)
BTF_SET_START(sleepable_lsm_hooks)
BTF_ID(func, bpf_lsm_file_open)
BTF_SET_END(sleepable_lsm_hooks)
BTF_SET_START(locked_hooks)
BTF_ID(func, bpf_lsm_sock_graft)
BTF_SET_END(locked_hooks)
static const struct bpf_func_proto *
lsm_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	const struct bpf_func_proto *func_proto;

	if (prog->expected_attach_type == BPF_LSM_CGROUP) {
		func_proto = cgroup_common_func_proto(func_id, prog);
		if (func_proto)
			return func_proto;
	}
	switch (func_id) {
#ifdef CONFIG_NET
	case BPF_FUNC_setopt:
		if (prog->expected_attach_type != BPF_LSM_CGROUP)
			return NULL;
		if (btf_id_set_contains(&locked_hooks, prog->aux->attach_btf_id))
			return &bpf_setopt_proto;
		return NULL;
#endif
	case BPF_FUNC_sleepy:
		return prog->sleepable ? &bpf_sleepy_proto : NULL;
	case BPF_FUNC_path:
		return &toy_path_proto;
	default:
		return bpf_base_func_proto(func_id, prog);
	}
}
bool bpf_lsm_is_sleepable_hook(u32 btf_id)
{
	return btf_id_set_contains(&sleepable_lsm_hooks, btf_id);
}
const struct bpf_verifier_ops lsm_verifier_ops = { .get_func_proto = lsm_func_proto, };
""",
    "kernel/bpf/jitted.c": """
BTF_SET_START(toy_paths)
BTF_ID(func, vfs_toy)
BTF_SET_END(toy_paths)
static bool toy_path_allowed(const struct bpf_prog *prog)
{
	if (prog->type == BPF_PROG_TYPE_LSM)
		return bpf_lsm_is_sleepable_hook(prog->aux->attach_btf_id);
	return btf_id_set_contains(&toy_paths, prog->aux->attach_btf_id);
}
const struct bpf_func_proto toy_path_proto = { .func = toy_path, .allowed = toy_path_allowed };
static bool toy_store_allowed(const struct bpf_prog *prog)
{
	const struct btf *btf_vmlinux;
	const struct btf_type *t;
	const char *tname;
	u32 btf_id;

	if (prog->aux->dst_prog)
		return false;
	switch (prog->expected_attach_type) {
	case BPF_TRACE_RAW_TP:
		return true;
	case BPF_TRACE_FENTRY:
		btf_vmlinux = bpf_get_btf_vmlinux();
		if (IS_ERR_OR_NULL(btf_vmlinux))
			return false;
		btf_id = prog->aux->attach_btf_id;
		t = btf_type_by_id(btf_vmlinux, btf_id);
		tname = btf_name_by_offset(btf_vmlinux, t->name_off);
		return !!strncmp(tname, "toy_store", strlen("toy_store"));
	default:
		return false;
	}
}
static const struct bpf_func_proto toy_store_proto = { .func = toy_store, .allowed = toy_store_allowed };
static const struct bpf_func_proto *syscall_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	switch (func_id) {
	case BPF_FUNC_path:
		return &toy_path_proto;
	case BPF_FUNC_store:
		return &toy_store_proto;
	default:
		return bpf_base_func_proto(func_id, prog);
	}
}
const struct bpf_verifier_ops toy_tracing_verifier_ops = { .get_func_proto = syscall_func_proto };
const struct bpf_verifier_ops bpf_syscall_verifier_ops = { .get_func_proto = syscall_func_proto };
""",
    "net/Makefile": "obj-y += toy.o\n",
    "net/toy.c": """
#include <net/toyop.h>
static const struct bpf_func_proto *xdp_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	if (func_id == BPF_FUNC_lonely)
		return lonely_proto_of();
	return bpf_base_func_proto(func_id, prog);
}
const struct bpf_verifier_ops xdp_verifier_ops = { .get_func_proto = xdp_func_proto };

static const struct bpf_func_proto *toy_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	if (func_id == BPF_FUNC_setopt && prog_ops_moff(prog) != offsetof(struct toy_ops, stop))
		return &bpf_setopt_proto;
	return bpf_base_func_proto(func_id, prog);
}
static const struct bpf_verifier_ops toy_verifier_ops = { .get_func_proto = toy_func_proto };
static int toy_check_member(const struct btf_type *t, const struct btf_member *member, const struct bpf_prog *prog)
{
	u32 moff = __btf_member_bit_offset(t, member) / 8;

	switch (moff) {
	case offsetof(struct toy_ops, start):
		break;
	default:
		if (prog->sleepable)
			return -EINVAL;
	}
	return 0;
}
static struct toy_ops toy_stubs = { .start = toy_start_stub, .stop = toy_stop_stub };
static struct bpf_struct_ops bpf_toy_ops = {
	.verifier_ops = &toy_verifier_ops,
	.check_member = toy_check_member,
	.cfi_stubs = &toy_stubs,
	.name = "toy_ops",
};
static struct bpf_iter_reg toy_reg = { .target = "toy", .get_func_proto = toy_iter_func_proto };
static const struct bpf_func_proto *
toy_iter_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	return func_id == BPF_FUNC_setopt ? &bpf_setopt_proto : NULL;
}
""",
    "arch/x86/Kconfig": """
config X86
	def_bool y
	select HAVE_EBPF_JIT
	select HAVE_DYNAMIC_FTRACE_WITH_DIRECT_CALLS
	select ARCH_HAS_NON_OVERLAPPING_ADDRESS_SPACE
""",
    "arch/x86/net/bpf_jit_comp.c": """
bool bpf_jit_supports_kfunc_call(void)
{
	return true;
}
bool bpf_jit_supports_exceptions(void)
{
	return IS_ENABLED(CONFIG_UNWINDER_ORC);
}
bool bpf_jit_supports_arena(void)
{
	return false;
}
int arch_prepare_bpf_trampoline(struct bpf_tramp_image *im)
{
	return emit(im);
}
""",
    "arch/x86/net/bpf_jit_comp32.c": "bool bpf_jit_supports_kfunc_call(void)\n{\n\treturn true;\n}\n",
    "arch/x86/entry/syscalls/syscall_64.tbl": """
# number abi name entry
0	common	read	sys_read
4	common	stat	sys_newstat
5	common	gone	sys_ni_syscall
520	x32	execve	compat_sys_execve
""",
    "arch/arm64/include/uapi/asm/unistd.h": "#define __ARCH_WANT_NEW_STAT\n#include <asm-generic/unistd.h>\n",
    "include/uapi/asm-generic/unistd.h": """
#define __SC_3264(_nr, _32, _64) __SYSCALL(_nr, _64)
__SYSCALL(__NR_read, sys_read)
#if defined(__ARCH_WANT_NEW_STAT) || defined(__ARCH_WANT_STAT64)
__SC_3264(__NR3264_fstat, sys_fstat64, sys_newfstat)
#endif
#ifdef __ARCH_WANT_RENAMEAT
__SYSCALL(__NR_renameat, sys_renameat)
#endif
#if defined(__ARCH_WANT_TIME32_SYSCALLS) || __BITS_PER_LONG != 32
__SC_COMP(__NR_futex, sys_futex, compat_sys_futex)
#endif
""",
    "arch/riscv/kernel/Makefile.syscalls": "syscall_abis_32 += riscv\nsyscall_abis_64 += riscv rlimit\n",
    "scripts/syscall.tbl": """
0	common	read	sys_read
1	64	fcntl	sys_fcntl
1	32	fcntl64	sys_fcntl64
2	rlimit	getrlimit	sys_getrlimit
3	renameat	renameat	sys_renameat
""",
    "kernel/trace/Makefile": """
ifdef CONFIG_FUNCTION_TRACER
ccflags-remove-$(CONFIG_FUNCTION_TRACER) += $(CC_FLAGS_FTRACE)
CFLAGS_selftest.o = $(CC_FLAGS_FTRACE)
endif
""",
    "kernel/trace/ring.c": "int ring_turn(int n)\n{\n\treturn n;\n}\n",
    "kernel/trace/selftest.c": "int ring_test(void)\n{\n\treturn 0;\n}\n",
    "kernel/toybox.c": """
/* a toy that is counted */
static inline void toy_account(struct toy *toy)
{
	toy->count++;
}

static notrace unsigned long
toy_clock(void)
{
	return 0;
}

static inline int toy_twice(void)
{
	return 1;
}

int toy_open(struct toy *toy)
{
	return toy_twice();
}
""",
    "kernel/crate.c": "int toy_twice(void)\n{\n\treturn 2;\n}\n",
    "arch/x86/kernel/Makefile": "CFLAGS_REMOVE_toy.o = -pg\nifdef CONFIG_KCSAN\nCFLAGS_REMOVE_game.o = -pg\nendif\n",
    "arch/x86/kernel/toy.c": "void toy_x86(void)\n{\n}\n",
    "arch/x86/kernel/game.c": "void game_x86(void)\n{\n}\n",
    "include/linux/toybox.h": """
#ifndef _TOYBOX_H
#define _TOYBOX_H
static inline bool toy_broken(struct toy *toy)
{
	return toy->broken;
}
#ifndef CONFIG_TOY_BOX
static inline int toy_close(struct toy *toy)
{
	return 0;
}
#endif
#endif
""",
    "drivers/toy.c": "static inline void toy_driver(void)\n{\n}\n",
    "tools/lib/bpf/libbpf.c": """
static const struct bpf_sec_def section_defs[] = {
	SEC_DEF("xdp",			XDP, BPF_XDP, SEC_ATTACHABLE_OPT),
	SEC_DEF("lsm.s+",		LSM, BPF_LSM_MAC, SEC_ATTACH_BTF | SEC_SLEEPABLE, attach_lsm),
};
""",
}


def write_tree(root: Path, changes: dict[str, str] | None = None) -> Path:
    """Write the tree below ``root``, some files replaced (or left out where the text is empty)."""
    for path, text in {**FILES, **(changes or {})}.items():
        if text:
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return root
