# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a program's instructions can reach, and with which values."""
