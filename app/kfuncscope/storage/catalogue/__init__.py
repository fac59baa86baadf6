# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The catalogue's file: which packages hold BPF objects, and the objects, each once (SQLite)."""
