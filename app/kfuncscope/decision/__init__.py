# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From findings to a decision: policy, risk and comparison with a baseline."""
