# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Archives, compressed streams and kernel image wrappers: bytes in, bytes out. It does not know what a kernel is."""
