"""Reports that are made of sections."""

import importlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import commands
from absl import app

from recsim_tf.support.tables import text_table


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
    data_dir: str = "data"  # folder of the data sets


def section(
    settings: Any,
    title: str,
    rows: Sequence[Sequence[str]],
    figures: Mapping[str, float],
    bars: Mapping[str, tuple[float, float]] | None = None,
    notes: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
) -> Section:
    """Makes a section that has a table.

    Args:
      settings: the settings of the run. A quick run reaches no bar, so none is called missed.
      title: the title of the table.
      rows: the rows of the table; the first is its head.
      figures: the figures by name.
      bars: by the name of a figure, the least and the largest value that is asked of it.
      notes: lines under the table.
      details: what else the JSON file gets.
    """
    lines = [title, *text_table(rows).splitlines(), *notes]
    for name, (low, high) in (bars or {}).items():
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


def measure(
    names: Sequence[str], sections: Mapping[str, Callable[[Any], Section]], settings: Any
) -> dict[str, Any]:
    """Measures sections, and prints the lines of each as it ends.

    Returns:
      The fields "sections", "figures" and "details" of the JSON file.
    """
    figures: dict[str, float] = {}
    details = {}
    for name in names:
        result = sections[name](settings)
        figures |= result.figures
        details[name] = result.details
        print("\n".join([*result.lines, ""]), flush=True)
    return {"sections": list(names), "figures": figures, "details": details}


def report(
    benchmark: str, names: Sequence[str], sections: Mapping[str, str], settings: Settings
) -> None:
    """Measures sections, and writes the JSON file that the flags ask for.

    Args:
      benchmark: the name of the program.
      names: the sections to measure.
      sections: the function of each section, as MODULE.NAME.
      settings: the settings of the run.
    """
    result = measure(names, {name: function(sections[name]) for name in names}, settings)
    command = ["python", f"benchmarks/{benchmark}.py", *names, f"--seed={settings.seed}"]
    command += ["--json=PATH"]
    command += ["--quick"] * settings.quick
    content = {"benchmark": benchmark, "quick": settings.quick, **result}
    note = "A smoke run: these figures mean nothing." if settings.quick else ""
    commands.finish([shlex.join(command)], content, note)
