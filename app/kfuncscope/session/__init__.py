# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is loaded and chosen, and the files that keep it."""
