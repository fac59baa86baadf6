# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What took the place of what between two levels, read off their source trees; BTF of both says what went and came."""
