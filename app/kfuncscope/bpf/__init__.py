# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF objects as libbpf reads them: programs, sections, maps, externs, instructions."""
