# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Facts about kernel releases that no kernel file carries: tables, their reader, and their builder."""
