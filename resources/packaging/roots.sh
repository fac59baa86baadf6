# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2016,SC2154 # roots expand their commands; $folder is set by who sources this
# Sourced by test-deb and test-rpm: clean Debian roots, unpacked and entered. $here is this folder, $checkout the source,
# $folder where unpacked roots are kept as *.tar for the next run, $work where they are unpacked, until the end.
# SUITE (trixie) and MIRROR choose the archive. Needs root and mmdebstrap.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
suite=${SUITE:-trixie}
read -ra mirror <<<"${MIRROR:-}"
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

# The packages that the source asks for, without architecture and profile words.
build_depends() {
	sed -n '/^Build-Depends:/,/^[^ ]/s/^ \([a-z0-9.+-]*\).*/\1/p' "$here/debian/control" | sed '/debhelper-compat/d' | paste -sd,
}

root() { # name, variant, packages: an unpacked root below $work, made once
	if [ ! -s "$folder/$1.tar" ]; then
		mmdebstrap --quiet --format=tar --variant="$2" --include="$3" "$suite" "$folder/$1.part" "${mirror[@]}"
		mv "$folder/$1.part" "$folder/$1.tar"
	fi
	mkdir "$work/$1"
	tar -C "$work/$1" --exclude=./dev -xf "$folder/$1.tar"
	mkdir -p "$work/$1/dev"
	cp -L /etc/resolv.conf "$work/$1/etc/resolv.conf"
}

build_root() { # the clean root with what the packages are built with, and the checkout in /src
	root "build-$suite" buildd "$(build_depends),debhelper,lintian"
	mkdir "$work/build-$suite/src" "$work/build-$suite/out"
	tar -C "$checkout" --exclude=__pycache__ --exclude='./.*' --exclude=./build --exclude=./dist -cf - . |
		tar -C "$work/build-$suite/src" -xf -
	chown -R 0:0 "$work/build-$suite/src"
}

within() { # name, options of unshare, --, command
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	unshare --mount --pid --fork "${options[@]}" sh -euc '
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
	' sh "$work/$name" "$@"
}

logged() { # file, command: its output goes to the file, of which the end is shown where the command fails
	local log=$1
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log"
		exit 1
	}
}
