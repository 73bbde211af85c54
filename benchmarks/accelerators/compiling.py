# SPDX-License-Identifier: Apache-2.0
"""The section `compile`: programs as XLA compiles them for a TPU v5e and an H100, without either.

A program is mostly a loop, and a step is what the loop repeats. The figures of a step are those of
`hlo.py`. An array that is changed in place counts as if it were written as a whole.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import processes
from accelerators import learners, rollouts, simulators
from accelerators.settings import Settings
from sections import Section, section

from recsim_tf.core.targets import for_accelerators

_SCRIPT = Path(__file__).with_name("compile.py")
# Rollouts with all numbers of users, log-likelihoods and the fit with the first.
_USERS = {False: (16_384, 131_072, 1_048_576), True: (8,)}
_COLUMNS = {
    "seconds": ("s", 1),
    "argument_bytes": ("arguments MB", 1e6),
    "temporary_bytes": ("temporary MB", 1e6),
    "accessed_bytes": ("accessed GB", 1e9),
    "step_instructions": ("instructions", 1),
    "step_tiny": ("tiny", 1),
    "step_megabytes": ("written MB", 1),
    "step_padded_megabytes": ("padded MB", 1),
    "step_cycles": ("cycles", 1),
    "step_microseconds": ("model us", 1),
}
# By figure: the program, the column, its unit, and the largest value that is asked. The rollout has
# the first number of users.
_STEP, _SLATEQ = "rollout InterestEvolution-v1", "SlateQ_train"
_FIGURES = {
    "compile.cuda.kernels": (_STEP, "step_instructions", 1, 28),
    "compile.cuda.one_thread": (_STEP, "step_tiny", 1, 8),
    "compile.tpu.cycles": (_STEP, "step_cycles", 1, 255_000),
    "compile.tpu.padded_mb": (_STEP, "step_padded_megabytes", 1, 60),
    "compile.tpu.slateq_temp_mb": (_SLATEQ, "temporary_bytes", 1e6, 150),
}


def measure(settings: Settings) -> Section:
    """Compiles programs. One that fails is in the table, and its error under it."""
    python = settings.interpreter()
    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for target in settings.targets:
            names = {}
            with for_accelerators({"cuda": "gpu"}.get(target, target)):
                for number, (name, text) in enumerate(_texts(settings)):
                    path = Path(folder) / f"{number}.mlir"
                    path.write_text(text)
                    names[str(path)] = name
            names |= {str(path): path.stem for path in settings.files}
            results[target] = _compiled(python, target, names)
    figures, asked = {}, {}
    notes = [
        "From instructions on, which on a GPU are kernels and copies, the figures are of a step."
    ]
    rows = [("for", "program", *(head for head, _ in _COLUMNS.values()))]
    for target, by_name in results.items():
        errors = {name: each["error"] for name, each in by_name.items() if "error" in each}
        figures[f"compile.{target}.programs"] = len(by_name)
        figures[f"compile.{target}.failed"] = len(errors)
        asked[f"compile.{target}.failed"] = (0, 0)
        rows += [(target, name, *_cells(result)) for name, result in by_name.items()]
        notes += [f"{target} {name}: {error}" for name, error in errors.items()]
    for figure, (program, column, unit, most) in _FIGURES.items():
        by_name = results.get(figure.split(".")[1], {})
        name = f"{program} {_USERS[settings.quick][0]}" if program == _STEP else program
        if column in by_name.get(name, {}):
            figures[figure] = by_name[name][column] / unit
            asked[figure] = (0, most)
    title = "Compilers' estimates, no device: a TPU v5e and an H100"
    return section(settings, title, rows, figures, asked, notes, {"programs": results}, (0, 1))


def _users(settings: Settings) -> Sequence[int]:
    return settings.users or _USERS[settings.quick]


def _texts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Names and texts of the programs that are asked for."""
    users, quick = _users(settings), settings.quick
    for environment in settings.environments:
        if "rollout" in settings.programs:
            for number in users:
                text = rollouts.text(environment, number, quick)
                yield f"rollout {environment} {number}", text
        if "log_prob" in settings.programs:
            text = simulators.log_prob_text(environment, users[0], quick)
            yield f"log_prob {environment} {users[0]}", text
    if "fit" in settings.programs:
        yield f"fit {simulators.FITTED} {users[0]}", simulators.fit_text(users[0], quick)
    for agent in learners.AGENTS:
        roles = [role for role in learners.ROLES if f"{agent}_{role}" in settings.programs]
        if roles:
            for role, text in learners.texts(agent, roles, quick).items():
                yield f"{agent}_{role}", text


def _compiled(python: str, target: str, names: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The results of `compile.py` by name. If the compiler ends its process at a program, another
    process goes on after that.

    Args:
      python: the interpreter.
      target: see `compile.py`.
      names: names of the programs by file.
    """
    results: dict[str, dict[str, Any]] = {}
    left = dict(names)
    while left:
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                [python, str(_SCRIPT), target, *left],
                env=processes.environment({}),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            for line in process.stdout or ():
                result = json.loads(line)
                name = left.pop(result.pop("file"))
                results[name] = result
                print(f"{target} {name}: {result['seconds']:.0f} s", file=sys.stderr, flush=True)
            status = process.wait()
            errors.seek(0)
            lines = errors.read().splitlines()
        if left:
            name = left.pop(next(iter(left)))
            ending = f"the compiler ended with status {status}: {lines[-1] if lines else ''}"
            results[name] = {"error": ending}
    return results


def _cells(result: dict[str, Any]) -> list[str]:
    """The cells of a row; those that the compiler tells nothing of are empty."""
    numbers = {
        column: result[column] / _COLUMNS[column][1] for column in _COLUMNS if column in result
    }
    cells = {
        column: f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.1f}"
        for column, number in numbers.items()
    }
    return [cells.get(column, "") for column in _COLUMNS]
