"""Reports that are made of sections."""

import importlib
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import commands
import numpy as np
import processes
from absl import app

from recsim_tf.support.tables import text_table


class Section(NamedTuple):
    """A part of a report."""

    figures: dict[str, float]
    details: dict[str, Any]
    lines: list[str]


class Settings(NamedTuple):
    """How a section runs."""

    quick: bool  # a smoke run
    seed: int = 0  # of everything that is drawn
    rounds: int = 1  # in which those that are compared take turns; figures are medians over them
    path: str | None = None  # of the data set that a section reads
    jobs: int = 1  # processes at a time
    data_dir: str = "data"  # folder of the data sets
    peer: str | None = None  # interpreter that has the library to compare with


def section(
    settings: Any,
    title: str,
    rows: Sequence[Sequence[str]],
    figures: Mapping[str, float],
    bars: Mapping[str, tuple[float, float]] | None = None,
    notes: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
) -> Section:
    """A section with a table.

    Args:
      settings: whose `quick` says whether figures mean anything.
      title: of the table.
      rows: of the table, the first its head.
      figures: by name.
      bars: the least and the largest value that is asked of figures, by name.
      notes: lines under the table.
      details: for the JSON file.
    """
    lines = [title, *text_table(rows).splitlines(), *notes]
    for name, (low, high) in (bars or {}).items():
        missed = "" if low <= figures[name] <= high or settings.quick else "  not reached"
        lines.append(f"{name} {figures[name]:.4g}, asked: in [{low:.4g}, {high:.4g}]{missed}")
    return Section(dict(figures), dict(details or {}), lines)


def mean_and_error(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The mean of values [S], and its standard error."""
    return float(np.mean(values)), standard_error(values)


def standard_error(values: Sequence[float] | np.ndarray) -> float:
    """That of the mean of values [S]."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


def chosen(argv: Sequence[str], known: Sequence[str], by_default: Sequence[str] = ()) -> list[str]:
    """The sections that a command names; without any `by_default`, or else all that are known.

    Raises:
      app.UsageError: for an unknown section.
    """
    names = list(dict.fromkeys(argv[1:])) or list(by_default or known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise app.UsageError(f"name some of {', '.join(known)}, got {unknown[0]}")
    return names


def function(name: str) -> Callable[[Any], Section]:
    """The function MODULE.NAME of these benchmarks."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def measure(
    names: Sequence[str], sections: Mapping[str, Callable[[Any], Section]], settings: Any
) -> dict[str, Any]:
    """Measures sections, whose lines for a person are printed as they come; the fields of a result
    for the JSON file.
    """
    figures: dict[str, float] = {}
    details = {}
    for name in names:
        result = sections[name](settings)
        figures |= result.figures
        details[name] = result.details
        print("\n".join([*result.lines, ""]), flush=True)
    return {"sections": list(names), "figures": figures, "details": details}


def measure_here(
    benchmark: str, sections: Mapping[str, Callable[[Any], Section]], settings: Any
) -> dict[str, Any]:
    """The result of sections for the JSON file, with the machine."""
    load_before = os.getloadavg()[0]
    result = {
        "benchmark": benchmark,
        "quick": settings.quick,
        **measure(list(sections), sections, settings),
    }
    worker = {"device": "CPU", "tensorflow": processes.version("tensorflow")}
    return {**result, "machine": processes.machine(worker, load_before)}


def report(
    benchmark: str,
    names: Sequence[str],
    sections: Mapping[str, str],
    settings: Settings,
    plot: Callable[[dict[str, Any], str], None] | None = None,
) -> None:
    """Measures sections, and writes what the flags ask for.

    Args:
      benchmark: name of the program.
      names: of the sections.
      sections: the function of each, as MODULE.NAME.
      settings: of all.
      plot: draws the details of all sections to a path.
    """
    result = measure(names, {name: function(sections[name]) for name in names}, settings)
    command = ["python", f"benchmarks/{benchmark}.py", *names, f"--seed={settings.seed}"]
    command += ["--path=PATH"] * bool(settings.path) + ["--json=PATH"]
    command += ["--quick"] * settings.quick
    content = {"benchmark": benchmark, "quick": settings.quick, **result}
    note = "A smoke run: these figures mean nothing." if settings.quick else ""
    commands.finish(
        [shlex.join(command)], content, note, plot and (lambda path: plot(result["details"], path))
    )
