#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Builds every sample program twice: build.sh [FOLDER], by default into ../objects. What lies in FOLDER is little
# endian, for x86_64, arm64, ppc64le and riscv64; FOLDER/s390x holds the same for a big-endian kernel.
# Needs clang, llvm-strip and libbpf-dev. The same compiler and libbpf headers give the same bytes: no path and no
# time of the builder goes in.
set -eu
cd "$(dirname "$0")"
out=${1:-../objects}
clang=${CLANG:-clang}
strip=${LLVM_STRIP:-llvm-strip}

build() { # byte order, folder
	mkdir -p "$2"
	for source in *.bpf.c; do
		object=$2/${source%.c}.o
		"$clang" -target "$1" -mcpu=v3 -O2 -g -Wall -Werror \
			-fdebug-compilation-dir=. "-ffile-prefix-map=$PWD=." -ffile-prefix-map=/usr/include=. \
			-c "$source" -o "$object"
		"$strip" --strip-debug "$object"
	done
}

build bpfel "$out"
build bpfeb "$out/s390x"
{
	"$clang" --version | head -n 1
	printf '#include <bpf/libbpf_version.h>\nlibbpf LIBBPF_MAJOR_VERSION LIBBPF_MINOR_VERSION\n' |
		"$clang" -E -P -x c - | tail -n 1
} >"$out/BUILT_WITH"
echo "$(find "$out" -name '*.bpf.o' | wc -l) objects in $out, built with: $(paste -sd ', ' "$out/BUILT_WITH")"
