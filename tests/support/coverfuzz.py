# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Drive one reader with inputs that coverage guides: ``python -m support.coverfuzz READER SECONDS FOLDER``.

atheris (libFuzzer) keeps the inputs that reach something new in FOLDER/inputs, and leaves the one that fails in FOLDER.
Ends by itself after so many processor seconds; 1 GB of memory or 20 s for one input are failures.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kfuncscope"]):
    from support.fuzztargets import targets

from kfuncscope.errors import InputError


def main() -> None:
    name, seconds, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    inputs = folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    target = targets(folder)[name]
    seeds = target.seeds()
    for seed in seeds:
        (inputs / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    tried = refused = 0

    def one(data: bytes) -> None:
        nonlocal tried, refused
        tried += 1
        try:
            target.read(data)
        except InputError:
            refused += 1
        if time.process_time() > seconds:
            kept = len(list(inputs.iterdir())) - len(seeds)
            print(
                f"{name}: {tried} inputs, {refused} refused, {kept} kept for new ways, in {seconds:.0f} s", flush=True
            )
            os._exit(0)  # libFuzzer would go on

    arguments = [f"-artifact_prefix={folder}/", "-rss_limit_mb=1024", "-timeout=20", "-print_final_stats=0"]
    atheris.Setup([sys.argv[0], *arguments, str(inputs)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
