# SPDX-License-Identifier: Apache-2.0
"""Verdicts of judges as sections of a report."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import tensorflow as tf
from sections import Section

from recsim_tf.support.tables import text_table


class Settings(NamedTuple):
    """The settings of a run."""

    quick: bool  # a smoke run: one environment, few steps
    obp_tests: Path | None = None  # what registries lack, from clones of repositories
    cleanrl_script: Path | None = None
    purejaxrl: Path | None = None
    jax_python: str | None = None  # interpreter of the trainers in JAX


def in_clone(flag: str, folder: str | None, name: str) -> Path | None:
    """A path in the clone that a flag gives, or None without the flag. Exits unless it exists."""
    path = None if folder is None else Path(folder).resolve() / name
    if path is not None and not path.exists():
        raise SystemExit(f"--{flag} must have {name}, got {folder}")
    return path


class Verdict(NamedTuple):
    """The verdict of a judge."""

    said: str
    figures: Mapping[str, float] = MappingProxyType({})
    faults: Sequence[str] = ()  # where the judge disagrees
    version: str = ""  # by default that of the package
    lines: Sequence[str] = ()  # printed below, such as a table


def judge(name: str, distribution: str = "") -> Callable:
    """Makes a section of a function that asks a judge.

    Args:
      name: the name of the judge.
      distribution: the name under which registries have it, if they have it.

    Returns:
      A decorator of functions from `Settings` to `Verdict`, which import the judge. Where they
      cannot, the section says why.
    """

    def decorated(ask: Callable[[Settings], Verdict]) -> Callable[[Settings], Section]:
        @functools.wraps(ask)
        def measure(settings: Settings) -> Section:
            try:
                verdict = ask(settings)
            except ImportError as error:
                verdict = Verdict(f"not asked: {error}")
            version = verdict.version or _version(distribution)
            faults = [f"{name} disagrees: {fault}" for fault in verdict.faults]
            details = {"verdicts": [(name, version, verdict.said)], "faults": faults}
            lines = [f"{name} {version}: {verdict.said}", *verdict.lines, *faults]
            return Section(dict(verdict.figures), details, lines)

        return measure

    return decorated


def _version(distribution: str) -> str:
    """The version of an installed package, or "missing"."""
    try:
        return metadata.version(distribution) if distribution else "missing"
    except metadata.PackageNotFoundError:
        return "missing"


def together(*measures: Callable[[Settings], Section]) -> Callable[[Settings], Section]:
    """One section of several judges. Figures of the same name are added."""

    def measure(settings: Settings) -> Section:
        parts = [each(settings) for each in measures]
        names = {name for part in parts for name in part.figures}
        figures = {name: sum(part.figures.get(name, 0) for part in parts) for name in names}
        details = {
            key: [value for part in parts for value in part.details[key]]
            for key in parts[0].details
        }
        return Section(figures, details, [line for part in parts for line in part.lines])

    return measure


def table(sections: Iterable[Section]) -> str:
    """The verdicts, and below them what judges disagree with."""
    all_details = [each.details for each in sections]
    rows = [row for details in all_details for row in details["verdicts"]]
    faults = [fault for details in all_details for fault in details["faults"]]
    head = ("judge", "version", "what it said")
    return "\n".join([text_table([head, *rows], left=(0, 1, 2)), *faults])


def attempts(names: Sequence[str], attempt: Callable[[str], None]) -> tuple[int, list[str]]:
    """Tries something for each name, from the same seeds.

    Returns:
      The number of names for which it succeeded, and the names of the others with their errors.
    """
    faults = []
    for name in names:
        tf.keras.utils.set_random_seed(0)
        try:
            attempt(name)
        except Exception as error:  # A judge may raise anything.
            words = " ".join(str(error).split())
            faults.append(f"{name}: {type(error).__name__}: {words[:300]}")
    return len(names) - len(faults), faults
