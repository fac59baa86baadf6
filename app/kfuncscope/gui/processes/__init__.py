# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs in other processes beside the window; nothing here knows Qt or numpy, which only the window needs."""
