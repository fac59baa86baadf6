#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stands in for QEMU: plays back what FAKE_QEMU_SCRIPT says for this run, on the sockets and pipes that QEMU would use.

The script is a Python list of runs, each a list of steps: ("wire", bytes), ("console", bytes), ("sleep", seconds),
("exit", status), ("flood", bytes), ("signal", number). The number of the run is kept in a file beside it.
"""

import os
import pathlib
import signal
import sys
import time

script = pathlib.Path(os.environ["FAKE_QEMU_SCRIPT"])
counter = script.with_suffix(".count")
number = int(counter.read_text()) if counter.exists() else 0
counter.write_text(str(number + 1))
script.with_suffix(f".args{number}").write_text("\n".join(sys.argv[1:]))
wire = next((int(a.partition("fd=")[2]) for a in sys.argv if a.startswith("socket,id=wire")), 1)
script.with_suffix(".pid").write_text(str(os.getpid()))
runs = eval(script.read_text())
for what, value in runs[min(number, len(runs) - 1)]:
    if what == "wire":
        os.write(wire, value)
    elif what == "console":
        os.write(1, value)
    elif what == "sleep":
        time.sleep(value)
    elif what == "exit":
        sys.exit(value)
    elif what == "signal":
        os.kill(os.getpid(), value)
    elif what == "flood":
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        while True:
            os.write(wire, value)
