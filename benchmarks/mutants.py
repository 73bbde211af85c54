"""Which faults of the product its tests do not see.

    python benchmarks/mutants.py [--sample=200] [--seed=0] [--json=PATH] [--quick]
        [--seconds=60] [--jobs=2]

Plants faults ("mutants") in core, choice, belief, dynamics, fitting/likelihood and policies, one at
a time, and runs for each the tests of `make test` that run its line. It prints those that no test
sees: the file, the line, and the line before and after.

cosmic-ray makes the faults: `+` for `-`, `<` for `<=`, other numbers, conditions that are negated,
loops that do not run, and more; `mutations/planting.py` has the list, and adds terms and factors
that are left out. It also says which are left out by rule, because they break no promise. The
sample is drawn from all others by --seed.

First all tests run once, to see which lines each of them runs and how long it takes. That is kept
in the folder for temporary files, until a file of the tree changes. Then the tests of a mutant run
in a fork of a process that has imported TensorFlow, in a copy of the tree: those named as the
module first, then those of its folder, then those of others, until one fails or hangs. A mutant is
given up after tests that take --seconds without a fault, so a survivor may still be seen by one of
the others. Lines that run in other processes only, such as commands, count as not run. At the end
the tests that failed run once more without a fault; a mutant is "unclear" if its test fails then
too.

It takes some 10 minutes, and then 20 to 30 seconds for a mutant, on two cores.
"""

import hashlib
import importlib.util
import random
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import commands
from absl import flags

_FLAGS = flags.FLAGS
_ROOT = Path(__file__).parents[1]
_ROOMS = ("core", "choice", "belief", "dynamics", "fitting/likelihood", "policies")
_READ = ("recsim_tf", "agents", "configs", "tests")
_TESTS = ("tests", "--ignore=tests/benchmarks")
_QUICK_ROOMS, _QUICK_TESTS, _QUICK_SAMPLE = ("choice",), ("tests/choice",), 3
_NEEDED = ("cosmic_ray", "coverage")

commands.define_flags(quick="A few mutants of one room, seen by its own tests.", seed=True)
flags.DEFINE_integer("sample", 200, "Mutants that are planted.", lower_bound=1)
flags.DEFINE_float(
    "seconds", 60.0, "Of tests without a fault, at most, that a mutant is shown to."
)
flags.DEFINE_integer("jobs", 2, "Mutants at a time.", lower_bound=1)


def _digest(root: Path, tests: Sequence[str]) -> str:
    """Of all that the record of a run of tests depends on."""
    digest = hashlib.sha256(repr((sys.version, tests)).encode())
    for path in sorted(path for folder in _READ for path in (root / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(f"needs {' and '.join(missing)}: pip install cosmic-ray coverage")
    from mutations import planting, seeing, trials

    rooms, tests, sample = _ROOMS, _TESTS, _FLAGS.sample
    if _FLAGS.quick:
        rooms, tests, sample = _QUICK_ROOMS, _QUICK_TESTS, _QUICK_SAMPLE
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch).resolve() / "tree"
        trials.copy_tree(_ROOT, tree)
        possible = [
            mutant
            for room in rooms
            for file in sorted((tree / "recsim_tf" / room).rglob("*.py"))
            for mutant in planting.mutants_of(str(file.relative_to(tree)), tree)
        ]
        chosen = random.Random(_FLAGS.seed).sample(possible, min(sample, len(possible)))
        kept = Path(scratch if _FLAGS.quick else tempfile.gettempdir())
        folder = kept / f"recsim_tf_mutants_{_digest(tree, tests)}"
        if not (folder / "seconds").exists():
            print("Running the tests once, to see which lines each of them runs.", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            seeing.record(tree, folder, tests, _FLAGS.jobs)
        sight = seeing.Sight(tree, folder)
        outcomes = trials.run_all(chosen, tree, sight, _FLAGS.seconds, _FLAGS.jobs)
    survivors = [each for each in outcomes if each.ending in ("survived", "unclear")]
    found = len(outcomes) - len(survivors)
    lines = [
        f"{each.mutant.path}:{each.mutant.line}: {each.diff}"
        f"  ({each.ending}, {each.ran} of {each.able} tests)"
        for each in survivors
    ]
    lines.append(
        f"{found} of {len(outcomes)} mutants found ({found / len(outcomes):.1%}), of"
        f" {len(possible)} that can be planted"
    )
    if _FLAGS.quick:
        lines.append("A smoke run: these figures mean nothing.")
    content = {
        "benchmark": "mutants",
        "quick": _FLAGS.quick,
        "figures": {"mutants.planted": len(outcomes), "mutants.found": found},
        "endings": {
            name: sum(each.ending == name for each in outcomes)
            for name in ("failed", "hung", "survived", "unclear")
        },
        "survivors": [
            {
                "file": each.mutant.path,
                "line": each.mutant.line,
                "operator": each.mutant.operator,
                "diff": each.diff,
                "tests": [each.ran, each.able],
            }
            for each in survivors
        ],
    }
    command = ["python", "benchmarks/mutants.py", f"--sample={sample}", f"--seed={_FLAGS.seed}"]
    command += [f"--seconds={_FLAGS.seconds:g}", "--json=PATH", *["--quick"] * _FLAGS.quick]
    commands.finish([shlex.join(command)], content, "\n".join(lines))


if __name__ == "__main__":
    commands.run(main)
