/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libbpf on a kernel that does not exist: opens each object, loads it against a BTF file, prints libbpf's own log and
 * the instructions that it would have handed to the kernel. No privilege is needed and nothing is loaded: the bpf()
 * system call is answered here, and /sys/kernel/btf/vmlinux is the given file.
 *
 *	libbpf_probe BTF OBJECT [BTF OBJECT]...
 *
 * Output for each pair: "object RC", log lines after "log ", "prog NAME", instructions as 16 hex digits after "insn ".
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char VMLINUX[] = "/sys/kernel/btf/vmlinux";
static const char *btf_path = VMLINUX;

/* From 1.5 on libbpf maps a global data section into memory through the map itself. */
static int made_map(const union bpf_attr *attr)
{
	int fd = memfd_create("map", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)attr->value_size * attr->max_entries)) {
		close(fd);
		return -1;
	}
	return fd;
}

long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number != __NR_bpf)
		return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	switch (a[0]) {
	case BPF_MAP_CREATE:
		return made_map((const union bpf_attr *)a[1]);
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case BPF_OBJ_GET_INFO_BY_FD:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
		return 0;
	}
	errno = ENOENT;
	return -1;
}

static const char *moved(const char *path)
{
	return path && !strcmp(path, VMLINUX) ? btf_path : path;
}

int faccessat(int folder, const char *path, int mode, int flags)
{
	return syscall(__NR_faccessat2, folder, moved(path), mode, flags);
}

int access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, 0);
}

/* libbpf may be built with either name of these. */
static FILE *open_file(const char *name, const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, name);

	return real(moved(path), mode);
}

FILE *fopen(const char *path, const char *mode)
{
	return open_file("fopen", path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return open_file("fopen64", path, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return openat(AT_FDCWD, moved(path), flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return openat(AT_FDCWD, moved(path), flags, mode);
}

static int say(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[8192], *line, *rest = text;

	(void)level;
	vsnprintf(text, sizeof(text), format, args);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			printf("log %s\n", line);
	return 0;
}

static void probe(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf_path);
	struct bpf_object *obj = bpf_object__open_file(path, &opts);
	struct bpf_program *prog;
	int rc;

	if (!obj) {
		printf("object %d\n", -errno);
		return;
	}
	rc = bpf_object__load(obj);
	printf("object %d\n", rc);
	bpf_object__for_each_program(prog, obj) {
		const struct bpf_insn *insns = bpf_program__insns(prog);

		printf("prog %s\n", bpf_program__name(prog));
		for (size_t i = 0; insns && i < bpf_program__insn_cnt(prog); i++) {
			const unsigned char *raw = (const unsigned char *)&insns[i];

			printf("insn ");
			for (int j = 0; j < 8; j++)
				printf("%02x", raw[j]);
			printf("\n");
		}
	}
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	libbpf_set_print(say);
	printf("version %s\n", libbpf_version_string());
	for (int i = 1; i + 1 < argc; i += 2) {
		btf_path = argv[i];
		printf("begin\n");
		probe(argv[i + 1]);
	}
	return 0;
}
