# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a difference between two kernels means for a program that loads on both."""
