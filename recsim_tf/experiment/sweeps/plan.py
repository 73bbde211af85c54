# SPDX-License-Identifier: Apache-2.0
"""The plan of a sweep: its settings, and a configuration for each variant with each seed."""

import ast
import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Any

import gin
from gin.config import ParsedBindingKey

from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.runs.execution import num_cores
from recsim_tf.experiment import building, config
from recsim_tf.experiment.sweeps.spaces import Bindings
from recsim_tf.experiment.sweeps.trial import Trial, Variant
from recsim_tf.support.errors import UsageError, one_line
from recsim_tf.support.tables import short_names

GIN_FILE = "gin_file"
_SEED = ("", "recsim_tf.experiment", "seed")
# The longest label, which names a folder: file systems take 255 bytes.
_LONGEST = 120


@configurable("sweep", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Sweep:
    """A set of trials: each is `recsim-tf train` with the bindings of one variant and one seed; in
    gin files `sweep`.

    Args:
      trials: the variants: `@grid()`, `@random_search()` or `@listed()`.
      gin_files: the gin files of every trial, paths or names of packaged configs.
      gin_bindings: the bindings of every trial, which come after the files.
      seeds: integers; `experiment.seed` of the trials of each variant.
      num_processes: trials that run at once on this machine; None for the number of its cores.
      threads_per_trial: threads of TensorFlow in a trial; None for the machine's cores divided by
        `num_processes`. It belongs to a result to the last digit: sums that threads share are
        rounded in another order.
    """

    trials: Sequence[Bindings] = gin.REQUIRED
    gin_files: Sequence[str] = ()
    gin_bindings: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    num_processes: Count | None = None
    threads_per_trial: Count | None = None

    def __post_init__(self):
        seeds = self.seeds
        if (
            not isinstance(seeds, (tuple, list))
            or not seeds
            or not all(type(seed) is int for seed in seeds)
        ):
            raise UsageError(f"sweep.seeds must be a non-empty tuple of integers, got {seeds!r}")
        validation.check_different("sweep.seeds", seeds)

    @property
    def processes(self) -> int:
        """Trials that run at once on this machine."""
        return self.num_processes or num_cores()

    @property
    def threads(self) -> int:
        """Threads of TensorFlow in a trial."""
        return self.threads_per_trial or max(1, num_cores() // self.processes)


@configurable("suite", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Suite:
    """The environments of a suite; in gin files `suite`. Its agents are the trials of `sweep`.

    Args:
      rules: for each environment a gin file of `recsim-tf simulate`, a path or the name of a
        packaged config, whose policies are random slates and rules.
    """

    rules: Sequence[str] = gin.REQUIRED


def plan(sweep: Sweep) -> list[Trial]:
    """The trials of a sweep, by variant and then by seed. Loads their configurations into gin.
    Raises a UsageError if a configuration does not load, two trials have one folder, or a variant
    sets the seed.
    """
    if not isinstance(sweep.trials, (tuple, list)):
        raise UsageError(
            "sweep.trials must be what @grid(), @random_search() or @listed() returns, got"
            f" {type(sweep.trials).__name__}"
        )
    short = short_names(name for bindings in sweep.trials for name in bindings)
    short_files = short_names(
        name.removesuffix(".gin") for bindings in sweep.trials for name in _files(bindings)
    )
    by_label: dict[str, Variant] = {}
    for bindings in sweep.trials:
        shown = dict(bindings)
        if GIN_FILE in bindings:
            shown[GIN_FILE] = [short_files[name.removesuffix(".gin")] for name in _files(bindings)]
        variant = Variant(variant_label(shown, short), bindings)
        if variant.label in by_label:
            same = by_label[variant.label].bindings
            raise UsageError(
                f"two trials would have the folder {variant.label}: {same!r} and {bindings!r}"
            )
        by_label[variant.label] = variant
    return [_trial(sweep, variant, seed) for variant in by_label.values() for seed in sweep.seeds]


def _trial(sweep: Sweep, variant: Variant, seed: int) -> Trial:
    try:
        bindings = {name: value for name, value in variant.bindings.items() if name != GIN_FILE}
        lines = [f"{name} = {_gin_text(name, value)}" for name, value in bindings.items()]
        files = [*sweep.gin_files, *_files(variant.bindings)]
        text = config.load(files, [*sweep.gin_bindings, *lines, f"experiment.seed = {seed}"])
        _check_names(bindings, text)
        return Trial(variant, seed, text, building.num_iterations())
    except ValueError as error:
        raise UsageError(f"trial {variant.label}: {one_line(error)}") from error


def variant_label(bindings: Bindings, short: dict[str, str]) -> str:
    """A name of a variant that is safe for file systems, such as "target=sarsa,num_candidates=20",
    of its bindings by their `short_names`.
    """
    parts = [f"{_safe(short[name])}={_safe(_value_text(each))}" for name, each in bindings.items()]
    label = ",".join(parts) or "base"
    if len(label) <= _LONGEST:
        return label
    digest = hashlib.sha256(repr(bindings).encode()).hexdigest()[:8]
    return f"{label[: _LONGEST - 9]}~{digest}"


def _value_text(value: Any) -> str:
    """A value for a person: strings without quotes, sequences joined by "-"."""
    if isinstance(value, (tuple, list)):
        return "-".join(_value_text(part) for part in value) or "none"
    return value if isinstance(value, str) else repr(value)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_") or "_"


def _files(bindings: Bindings) -> Sequence[str]:
    """Names of the files that a variant loads over those that all share."""
    value = bindings.get(GIN_FILE, ())
    files = (value,) if isinstance(value, str) else value
    if not isinstance(files, (tuple, list)) or not all(isinstance(name, str) for name in files):
        raise UsageError(f"{GIN_FILE} must be a string or a tuple of strings, got {value!r}")
    return files


def _check_names(bindings: Bindings, text: str) -> None:
    """Refuses a macro that nothing uses, a binding under two names, and the seed."""
    seen: dict[Any, str] = {}
    for name in bindings:
        if "." not in name:
            if f"%{name}" not in text:
                raise UsageError(
                    f"{name!r} is neither a binding, such as 'SlateQTargets.target', nor a macro"
                    " that the configuration uses"
                )
            continue
        key = ParsedBindingKey.parse(name)
        binding = (key.scope, key.complete_selector, key.arg_name)
        if binding == _SEED:
            raise UsageError(f"{name} is swept by sweep.seeds, leave it out of the variants")
        if binding in seen:
            raise UsageError(f"{seen[binding]} and {name} are one binding")
        seen[binding] = name


def _gin_text(name: str, value: Any) -> str:
    """A value as gin reads it."""
    if isinstance(value, str) and value[:1] in ("@", "%"):
        return value
    if isinstance(value, (tuple, list)):
        parts = ", ".join(_gin_text(name, part) for part in value)
        return f"[{parts}]" if isinstance(value, list) else f"({parts}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        parts = ", ".join(f"{key!r}: {_gin_text(name, part)}" for key, part in value.items())
        return f"{{{parts}}}"
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError) as error:
        raise UsageError(
            f"{name} must be a Python literal, or a reference in quotes such as '@Adam', got"
            f" {value!r}"
        ) from error
    return repr(value)
