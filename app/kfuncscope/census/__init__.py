# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Census: what runs on hosts, joined to the objects it came from, and counted."""
