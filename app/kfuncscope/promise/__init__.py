# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ABI baselines: what a set of programs relies on, written down and checked."""
