# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What took the place of something that a kernel no longer has: few candidates, each with its reason, or none."""
