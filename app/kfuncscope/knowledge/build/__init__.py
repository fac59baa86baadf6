# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reading a kernel source tree into knowledge tables."""
