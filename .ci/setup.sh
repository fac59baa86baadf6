# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Sourced by the scripts beside it: Debian packages and a virtual environment, each only where something is missing.
# Sets $root, $venv and, by prepare, $python; everything it says goes to standard error.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONDONTWRITEBYTECODE=1

say() { printf '%s\n' "$*" >&2; }

# as_root LINE: how to type a line that only root may run.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then echo "$*"; else echo "sudo $*"; fi
}

# qt_packages: what Qt needs of the system, beside what its wheel brings.
qt_packages() {
	local glib=libglib2.0-0
	# Debian 13 renamed it. Whether it is installed or can be is for the package lists to say.
	if dpkg-query -W libglib2.0-0t64 >/dev/null 2>&1 || apt-cache show libglib2.0-0t64 >/dev/null 2>&1; then
		glib=libglib2.0-0t64
	fi
	echo "$glib" libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1
	if [ -n "${DISPLAY:-}" ]; then
		echo libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-render-util0 \
			libxcb-shape0 libxcb-xkb1 libx11-xcb1
	fi
	if [ -n "${WAYLAND_DISPLAY:-}" ]; then
		echo libwayland-client0 libwayland-cursor0 libwayland-egl1
	fi
}

missing() { # packages: those that are not installed
	local package
	for package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
		installed) ;;
		*) echo "$package" ;;
		esac
	done
}

# want PACKAGE...: installs what is missing where that is allowed, else names it with the line to type.
# Goes on either way: the software may be there under another name, and what needs it will tell.
want() {
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
	local lacking become=()
	mapfile -t lacking < <(missing "$@")
	[ ${#lacking[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
			become=(sudo -n)
		else
			say "These packages are missing and may not be installed from here. Please type:"
			say "    $(as_root apt-get install -y --no-install-recommends "${lacking[*]}")"
			return 0
		fi
	fi
	say "Installing ${lacking[*]}"
	local log
	log=$(mktemp)
	if ! { "${become[@]}" apt-get -q update &&
		"${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${lacking[@]}"; } \
		>"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		say "That failed. By hand: $(as_root apt-get install -y --no-install-recommends "${lacking[*]}")"
	fi
	rm -f "$log"
}

# find_python: the first interpreter that is new enough, or a failure.
find_python() {
	local candidate
	for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14; do
		if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			command -v "$candidate"
			return
		fi
	done
	return 1
}

# python_packages: Python where there is none; Debian keeps the module that makes virtual environments apart from it.
python_packages() {
	local found
	if ! found=$(find_python); then
		echo python3 python3-venv
	elif ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
		echo python3-venv
	fi
}

# test_packages: the tests hold BTF against bpftool and CO-RE against libbpf, rebuild the sample programs, validate the
# desktop files and the PDF, and search a repository that they make.
test_packages() {
	echo bpftool clang llvm libbpf-dev gcc libc6-dev desktop-file-utils appstream qpdf poppler-utils git
}

# prepare PACKAGE...: Python and these packages, asked for in one line; sets $python.
prepare() {
	# shellcheck disable=SC2046 # a list of words
	want $(python_packages) "$@"
	if ! python=$(find_python); then
		say "Python 3.11 or newer is needed (packages python3 and python3-venv)."
		exit 1
	fi
}

# check_tools: without one of these tests would fail one by one for minutes, so it is said before they begin.
check_tools() {
	local tool lacking=()
	for tool in bpftool clang llvm-strip gcc git qpdf pdftotext desktop-file-validate appstreamcli; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || lacking+=("$tool")
	done
	if command -v gcc >/dev/null && ! gcc -E -include bpf/libbpf.h -x c /dev/null >/dev/null 2>&1; then
		lacking+=("bpf/libbpf.h")
	fi
	[ ${#lacking[@]} -eq 0 ] && return
	say "The tests need what is not here: ${lacking[*]}"
	exit 1
}

# make_venv EXTRAS: .venv with kfuncscope from this checkout; kept while pyproject.toml and Python stay the same.
# EXTRAS is [gui], [docs], [test], [test,fuzz] or [test,mutate]; an environment with more serves what needs less.
make_venv() {
	local stamp
	if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
		say "Python's venv module is missing: $(as_root apt-get install -y python3-venv)"
		exit 1
	fi
	stamp="$root $("$python" -VV | tr '\n' ' ') $(sha256sum "$root/pyproject.toml" | cut -d' ' -f1)"
	local has more=()
	case $1 in
	"[gui]" | "[docs]") more=("[test]" "[test,fuzz]" "[test,mutate]") ;;
	"[test]") more=("[test,fuzz]" "[test,mutate]") ;;
	esac
	for has in "$1" "${more[@]}"; do
		if grep -qxF "$stamp$has" "$venv/.made" 2>/dev/null; then
			return
		fi
	done
	say "Making $venv (kfuncscope$1 and what it needs; this takes a minute)"
	"$python" -m venv --clear "$venv"
	# One line for each package, so that minutes of a slow network do not pass in silence.
	"$venv/bin/python" -m pip install --progress-bar off --editable "$root$1" |
		sed -un 's/^Collecting \([^][ ;(<>=!~]*\).*/  fetching \1/p; s/^Installing collected packages.*/  installing/p' >&2
	printf '%s\n' "$stamp$1" >"$venv/.made"
}

# check_qt: Qt must start, or nothing that follows is worth anything.
check_qt() {
	local why
	if ! why=$(QT_QPA_PLATFORM=offscreen "$venv/bin/python" -c '
from PySide6.QtWidgets import QApplication
QApplication([])' 2>&1); then
		say "Qt does not start: $(printf '%s' "$why" | tail -n 1)"
		say "It needs: $(as_root apt-get install -y --no-install-recommends "$(qt_packages | tr '\n' ' ')")"
		exit 1
	fi
}
