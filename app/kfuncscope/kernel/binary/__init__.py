# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Facts read from the machine code and data of a kernel image."""
