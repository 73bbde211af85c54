# SPDX-License-Identifier: Apache-2.0
"""The variants of a sweep: sets of gin bindings over those that all its trials share."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import numpy as np
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.arguments import Count, WholeNumber, configurable
from recsim_tf.support.errors import UsageError

# Names of gin bindings, such as "SlateQTargets.target", and their values; "gin_file" names files.
Bindings = dict[str, Any]

# Draws for each variant before a random search is said to have no more distinct ones.
_ATTEMPTS = 1000
# Digits of a sampled number, so that the name of a folder holds it exactly.
_DIGITS = 4


@configurable(module="recsim_tf")
def grid(choices: Mapping[str, Sequence[Any]] = gin.REQUIRED) -> list[Bindings]:
    """All combinations of the values of some bindings.

    Args:
      choices: the values of each binding. They are Python literals; a string that begins with "@"
        or "%" is a reference or a macro of gin.

    Raises:
      UsageError: if there is no binding, or a binding without a value.
    """
    _check_choices("grid.choices", choices)
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


@configurable(module="recsim_tf")
def random_search(
    choices: Mapping[str, Any] = gin.REQUIRED,
    num_trials: Count = gin.REQUIRED,
    seed: WholeNumber = 0,
) -> list[Bindings]:
    """Distinct variants whose values are drawn at random. The first ones stay as they are when
    `num_trials` grows.

    Args:
      choices: the choices of each binding, a tuple of values that are equally likely, or a scalar
        distribution of TFP such as `@tfd.Uniform()`, whose draws are rounded to four significant
        digits.
      num_trials: the number of variants.
      seed: an integer, at least 0.

    Raises:
      ValueError: if there is no binding, a binding without a value, or fewer distinct variants than
        `num_trials`.
    """
    _check_choices("random_search.choices", choices, tfd.Distribution)
    generator = np.random.default_rng(seed)
    variants: list[Bindings] = []
    for _ in range(_ATTEMPTS * num_trials):
        variant = {name: _draw(values, generator) for name, values in choices.items()}
        if variant not in variants:
            variants.append(variant)
        if len(variants) == num_trials:
            return variants
    raise UsageError(
        "random_search.num_trials must be at most the number of distinct variants,"
        f" {len(variants)}, got {num_trials}"
    )


@configurable(module="recsim_tf")
def listed(trials: Sequence[Bindings] = gin.REQUIRED) -> list[Bindings]:
    """Variants that are written down one by one; `{}` has the bindings of all trials.

    Args:
      trials: the bindings of each variant; values are as in `grid`.

    Raises:
      UsageError: if there is none, or one that is not a dictionary.
    """
    if (
        not isinstance(trials, (tuple, list))
        or not trials
        or not all(isinstance(variant, Mapping) for variant in trials)
    ):
        raise UsageError(
            f"listed.trials must be a non-empty tuple of dictionaries of bindings, got {trials!r}"
        )
    return [dict(variant) for variant in trials]


@configurable(module="recsim_tf")
def log_uniform(low: float = gin.REQUIRED, high: float = gin.REQUIRED) -> tfd.Distribution:
    """Numbers whose logarithm is uniform, for step sizes and the like.

    Args:
      low: the lower bound, positive.
      high: above `low`.

    Raises:
      UsageError: for other bounds.
    """
    if not 0 < low < high:
        raise UsageError(
            f"log_uniform.low and high must be positive and increasing, got {low} and {high}"
        )
    return tfd.TransformedDistribution(tfd.Uniform(np.log(low), np.log(high)), tfb.Exp())


def _draw(values: Any, generator: np.random.Generator) -> Any:
    if isinstance(values, tfd.Distribution):
        seed = generator.integers(2**31, size=2).astype(np.int32)
        return float(f"{float(values.sample(seed=seed)):.{_DIGITS}g}")
    return values[int(generator.integers(len(values)))]


def _check_choices(argument: str, choices: Any, other: type | tuple[type, ...] = ()) -> None:
    """Requires values of each binding: a tuple of them, or an object of another type."""
    if not isinstance(choices, Mapping) or not choices:
        raise UsageError(
            f"{argument} must be a dictionary of at least one binding and its values, got"
            f" {choices!r}"
        )
    for name, values in choices.items():
        if not isinstance(values, other) and not (isinstance(values, (tuple, list)) and values):
            raise UsageError(
                f"{argument}[{name!r}] must be a non-empty tuple of values, got {values!r}"
            )
