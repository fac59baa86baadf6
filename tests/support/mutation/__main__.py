# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``python -m support.mutation``, in ``tests/``: mutate a seeded sample, print the score and what survived.

The session folder keeps coverage and results: a run that was stopped goes on where it ended.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from support.mutation import running, selection
from support.mutation.mutants import Mutant, difference, equivalents, is_equivalent, mutated, sample
from support.mutation.running import End

ROOT = Path(__file__).parents[3]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
ROOMS = ("rules", "kernel", "bpf", "upgrade")
DEAD = (End.KILLED, End.TIME)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=".ci/mutate", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="mutants to try (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    parser.add_argument("--rooms", nargs="+", default=ROOMS, help="packages of the engine (default: %(default)s)")
    parser.add_argument("--budget", type=float, default=12, help="seconds of tests for a mutant (default: 12)")
    parser.add_argument(
        "--session", type=Path, default=ROOT / "build" / "mutate", help="folder of coverage and results"
    )
    parser.add_argument("--again", action="store_true", help="try the survivors of the session once more")
    parser.add_argument("--fresh", action="store_true", help="forget the session")
    return parser.parse_args()


def _known(session: Path) -> dict[str, tuple[End, str, list[str]]]:
    """Results of the session so far, by key; of several for one mutant, the last."""
    file = session / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {row["key"]: (End(row["end"]), row["test"], row["diff"]) for row in rows}


def main() -> int:
    """0 when at least 85 % of the sample was killed, else 1."""
    args = _arguments()
    if args.fresh:
        shutil.rmtree(args.session, ignore_errors=True)
    args.session.mkdir(parents=True, exist_ok=True)
    if not (args.session / "files.json").exists():
        selection.record(ROOT, args.session)
    files = [str(f.relative_to(ROOT)) for r in args.rooms for f in (ROOT / "app/kfuncscope" / r).rglob("*.py")]
    print(f"seed {args.seed}, {args.count} mutants of {', '.join(args.rooms)}", flush=True)
    wanted = sample(
        ROOT, files, 2 * args.count, args.seed
    )  # some changes come to nothing; the next ones take their place
    done = _try(wanted, args)
    _print(done)
    return 0 if sum(end in DEAD for end, _, _ in done.values()) >= 0.85 * len(done) else 1


def _try(wanted: list[Mutant], args: argparse.Namespace) -> dict[str, tuple[End, str, list[str]]]:
    choose, known = selection.Selection(ROOT, args.session), _known(args.session)
    running.load_libraries()
    done: dict[str, tuple[End, str, list[str]]] = {}
    for mutant in wanted:
        if len(done) >= args.count:
            break
        had = known.get(mutant.key)
        if had and not (args.again and had[0] not in DEAD):
            done[mutant.key] = had
            continue
        text = mutated(ROOT, mutant)
        if text is None:
            continue
        tests, begun = choose.tests(mutant, args.budget), time.monotonic()
        limit = 20 + 4 * sum(choose.seconds[t] for t in tests)
        end, test = running.run(ROOT, mutant.path, text, tests, choose.known, limit)
        while end is End.KILLED and test in tests and not _sound(mutant.path, test, choose.known):
            del choose.seconds[test]
            tests.remove(test)
            end, test = running.run(ROOT, mutant.path, text, tests, choose.known, limit)
        done[mutant.key] = end, test, difference(ROOT, mutant, text)
        row = {"key": mutant.key, "end": end, "test": test, "diff": done[mutant.key][2], "tests": len(tests)}
        with (args.session / "results.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{len(done):4} {time.monotonic() - begun:6.1f} s  {end:10} {mutant.key}  {test}", flush=True)
    return done


@functools.cache
def _sound(path: str, test: str, known: frozenset[str]) -> bool:
    """Whether a test passes on the code as it is, run as mutants are: one that does not says nothing of a mutant."""
    end, _ = running.run(ROOT, path, (ROOT / path).read_text(), [test], known, 600)
    return end is End.SURVIVED


def _print(done: dict[str, tuple[End, str, list[str]]]) -> None:
    """Survivors with their change, the score by room, and both scores: of all, and of all that can be noticed."""
    known, rooms, dead, same = equivalents(EQUIVALENT), Counter[str](), Counter[str](), 0
    for key, (end, _, diff) in sorted(done.items()):
        path, room = key.partition(":")[0], key.split("/")[2]
        rooms[room] += 1
        if end in DEAD:
            dead[room] += 1
        elif is_equivalent(path, diff, known):
            same += 1
            print(f"\nequivalent: {key}", *diff, sep="\n    ")
        else:
            print(f"\n{end}: {key}", *diff, sep="\n    ")
    print()
    for room in sorted(rooms):
        print(f"{room:10} {dead[room]:4} of {rooms[room]:4} killed")
    killed, count = dead.total(), rooms.total()
    print(f"{'all':10} {killed:4} of {count:4} killed, {killed / max(1, count):.1%}")
    print(f"equivalent {same:4}, by {EQUIVALENT.name}; of the others {killed / max(1, count - same):.1%} killed")


if __name__ == "__main__":
    sys.exit(main())
