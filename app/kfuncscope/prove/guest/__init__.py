# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The virtual machine: its first file system, its agents, QEMU and the wire. Agents run alone, in the guest."""
