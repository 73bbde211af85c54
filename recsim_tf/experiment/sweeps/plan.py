"""The plan of a sweep: each variant with each seed, as a configuration of `recsim-tf train`."""

import ast
from collections.abc import Sequence
from typing import Any

from gin.config import ParsedBindingKey

from recsim_tf.errors import one_line
from recsim_tf.experiment import config
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.names import short_names
from recsim_tf.experiment.sweeps.labels import variant_label
from recsim_tf.experiment.sweeps.settings import Sweep
from recsim_tf.experiment.sweeps.spaces import Bindings
from recsim_tf.experiment.sweeps.trial import Trial, Variant
from recsim_tf.experiment.training.run import Schedule

GIN_FILE = "gin_file"
_SEED = ("", "recsim_tf.experiment", "seed")


def plan(sweep: Sweep) -> list[Trial]:
    """The trials of a sweep, by variant and then by seed. Loads their configurations into gin.

    Raises:
      UsageError: if a configuration does not load, two trials have one folder, or a variant sets
        the seed.
    """
    if not isinstance(sweep.trials, (tuple, list)):
        raise UsageError(
            "sweep.trials must be what @grid(), @random_search() or @listed() returns, got"
            f" {type(sweep.trials).__name__}"
        )
    short = short_names(name for bindings in sweep.trials for name in bindings)
    short_files = short_names(_stem(name) for bindings in sweep.trials for name in _files(bindings))
    by_label: dict[str, Variant] = {}
    for bindings in sweep.trials:
        shown = bindings | (
            {GIN_FILE: [short_files[_stem(name)] for name in _files(bindings)]}
            if GIN_FILE in bindings
            else {}
        )
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
        return Trial(variant, seed, text, Schedule().num_iterations)
    except ValueError as error:
        raise UsageError(f"trial {variant.label}: {one_line(error)}") from error


def _stem(name: str) -> str:
    return name.removesuffix(".gin")


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
        return (
            "{"
            + ", ".join(f"{key!r}: {_gin_text(name, part)}" for key, part in value.items())
            + "}"
        )
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError) as error:
        raise UsageError(
            f"{name} must be a Python literal, or a reference in quotes such as '@Adam', got"
            f" {value!r}"
        ) from error
    return repr(value)
