# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a program attaches to and what it gets there: hooks, contexts, records, struct_ops members."""
