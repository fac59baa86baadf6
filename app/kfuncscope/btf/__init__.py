# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BTF: reading, writing C from it, finding it in files."""
