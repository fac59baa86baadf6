# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Files on the disk: bounded reading, writing whole or not at all, the cache, and the records of what was read."""
