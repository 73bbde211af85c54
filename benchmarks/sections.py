# SPDX-License-Identifier: Apache-2.0
"""Programs that are made of sections."""

import importlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import commands
import tensorflow as tf
from absl import app, flags

from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS


class Section(NamedTuple):
    """A part of a report."""

    figures: dict[str, float]
    details: dict[str, Any]
    lines: list[str]


class Settings(NamedTuple):
    """The settings that all sections of a run share."""

    quick: bool  # a smoke run
    seed: int = 0  # of everything that is drawn
    jobs: int = 1  # processes at a time
    path: str | None = None  # file of result pages, or folder of logs
    test: tuple[str, ...] = ()  # files of the same form to score
    model: str | None = None  # folder to write a model into
    replications: int = 2  # logs
    rounds: int = 1  # in which programs take turns; figures are medians over them
    recsim_python: str | None = None  # interpreters of the peers
    recsim_ng_python: str | None = None
    jax_python: str | None = None
    root_dir: str | None = None  # keeps what is finished


def kept(settings: Settings, name: str, make: Callable[[], Any]) -> Any:
    """What `make` returns, which JSON can hold. In the folder `--root_dir` it is kept by its name,
    so that an interrupted run of the same code goes on.
    """
    if settings.root_dir is None:
        return make()
    size = "quick, " if settings.quick else ""
    path = Path(settings.root_dir) / f"{size}{name}, seed {settings.seed}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(make()))
        unfinished.rename(path)
    return json.loads(path.read_text())


def section(
    settings: Any,
    title: str,
    rows: Sequence[Sequence[str]],
    figures: Mapping[str, float],
    bars: Mapping[str, tuple[float, float]] | None = None,
    notes: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
    left: Sequence[int] = (0,),
) -> Section:
    """Makes a section that has a table.

    Args:
      settings: the settings of the run. A quick run reaches no bar, so none is called missed.
      title: the title of the table.
      rows: the rows of the table; the first is its head.
      figures: the figures by name.
      bars: by the name of a figure, the least and the largest value that is asked of it, if the
        section has the figure.
      notes: lines under the table.
      details: what else the JSON file gets.
      left: the columns of texts.
    """
    lines = [title, *text_table(rows, left=left).splitlines(), *notes]
    for name, (low, high) in (bars or {}).items():
        if name in figures:
            missed = "" if low <= figures[name] <= high or settings.quick else "  not reached"
            lines.append(f"{name} {figures[name]:.4g}, asked: in [{low:.4g}, {high:.4g}]{missed}")
    return Section(dict(figures), dict(details or {}), lines)


def chosen(argv: Sequence[str], available: Sequence[str]) -> list[str]:
    """The sections that a command names, or all that are available where it names none.

    Raises:
      app.UsageError: for an unknown section.
    """
    names = list(dict.fromkeys(argv[1:])) or list(available)
    unknown = [name for name in names if name not in available]
    if unknown:
        raise app.UsageError(f"name some of {', '.join(available)}, got {unknown[0]}")
    return names


def function(name: str) -> Callable[[Any], Section]:
    """The function of these benchmarks that is called MODULE.NAME."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def report(
    benchmark: str, names: Sequence[str], sections: Mapping[str, str], settings: Settings
) -> dict[str, Section]:
    """Measures sections, prints the lines of each as it ends, and writes the JSON file that the
    flags ask for.

    Args:
      benchmark: the name of the program.
      names: the sections to measure.
      sections: the function of each section, as MODULE.NAME.
      settings: the settings of the run.

    Returns:
      The sections by name.
    """
    load, results = os.getloadavg()[0], {}
    for name in names:
        results[name] = function(sections[name])(settings)
        print("\n".join([*results[name].lines, ""]), flush=True)
    figures = figures_of(results)
    details = {name: result.details for name, result in results.items()}
    machine = _machine() | {"load_average": [load, os.getloadavg()[0]]}
    content = {"benchmark": benchmark, "quick": settings.quick, "sections": list(names)}
    content |= {"figures": figures, "details": details, "machine": machine}
    lines = ["{processor_name}, {cores} cores, TensorFlow {tensorflow}".format(**machine)]
    lines += ["Load average {:.1f} before, {:.1f} after.".format(*machine["load_average"])]
    lines += ["A smoke run: these figures mean nothing."] * settings.quick
    command = ["python", f"benchmarks/{benchmark}.py", *names, *_given_flags(), "--json=PATH"]
    commands.finish([shlex.join(command)], content, "\n".join(lines))
    return results


def figures_of(results: Mapping[str, Section]) -> dict[str, float]:
    """The figures of all sections."""
    return {name: value for each in results.values() for name, value in each.figures.items()}


def run(benchmark: str, sections: Mapping[str, str]) -> None:
    """Runs a program that reports sections by the settings of its flags, see `report`."""

    def main(argv: list[str]) -> None:
        named = _FLAGS.section if "section" in _FLAGS else []
        names = chosen([*argv, *named], tuple(sections))
        given = {name: _FLAGS[name].value for name in Settings._fields if name in _FLAGS}
        given = {
            name: tuple(each) if isinstance(each, list) else each for name, each in given.items()
        }
        # In a smoke run nothing is repeated.
        few = {"rounds": 1, "replications": 2} if _FLAGS.quick else {}
        report(benchmark, names, sections, Settings(**given | few))

    app.run(main)


def _given_flags() -> list[str]:
    """The flags that the command gives, with PATH for paths."""
    given = [flag for flag in _FLAGS.get_key_flags_for_module(sys.argv[0]) if flag.present]
    texts: list[str] = []
    for flag in given:
        if flag.name == "json" or "-" in flag.name:  # An alias has hyphens.
            continue
        values = flag.value if isinstance(flag.value, list) else [flag.value]
        if all(isinstance(value, str) for value in values):
            shown = ("PATH" if os.sep in value else value for value in values)
            texts += [f"--{flag.name}={value}" for value in shown]
        else:
            texts.append(flag.serialize())
    return texts


def _machine() -> dict[str, Any]:
    """The machine of this run."""
    try:
        with open("/proc/cpuinfo") as file:
            processor = next(line.split(":")[1] for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    has_affinity = hasattr(os, "sched_getaffinity")
    return {
        "cores": len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count(),
        "processor": platform.machine(),
        "processor_name": processor.strip(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
    }
