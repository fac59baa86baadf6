# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scan archives of packages into a catalogue: what is given, what changed, reading in processes, keeping."""
