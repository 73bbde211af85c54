"""Measures and segments that users of the project define, by name."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Transition
from recsim_tf.experiment.evaluation.corpus_measures import CorpusMeasure
from recsim_tf.support.errors import UsageError

# Names that mean something else: columns of sessions.csv, those of sweep.csv, RecSim's tags.
TAKEN = frozenset(
    (
        *("policy", "user", "return", "steps", "clicks", "mean_quality", "outcome", "episodes"),
        *("trial", "status", "seed", "error", "folder", "standard_error", "session_length"),
        *("click_rate", "quality", "iterations", "env_steps", "seconds"),
        *("AverageEpisodeRewards", "AverageEpisodeLength", "StdEpisodeRewards", "StandardError"),
        *("CTR", "AverageQuality", "cluster_watch_count_frac"),
    )
)


class Estimate(NamedTuple):
    """A mean over sessions."""

    mean: float
    standard_error: float  # 0 with a single session

    @classmethod
    def of(cls, values: np.ndarray) -> "Estimate":
        """From one value of each session."""
        root = math.sqrt(max(len(values) - 1, 1))
        return cls(float(values.mean()), float(values.std() / root))


class OwnMeasures:
    """Functions that measure sessions, and functions that divide users into segments.

    Args:
      measures, segments: as for `Evaluation`.

    Raises:
      UsageError: for a name that is taken, or a value that is no function.
    """

    def __init__(
        self,
        measures: Mapping[str, Callable[[Transition], tf.Tensor]] | None = None,
        segments: Mapping[str, Callable[[Nest], tf.Tensor]] | None = None,
    ):
        self._measures = _checked("measures", measures)
        self._segments = _checked("segments", segments)
        both = sorted(set(self._measures) & set(self._segments))
        if both:
            raise UsageError(f"Evaluation.segments must not be named as a measure, got {both[0]!r}")

    def sizes(self, simulator: Simulator) -> dict[str, int]:
        """C of each measure of the corpus; a `UsageError` where an environment does not have it."""
        return {
            name: measure.size(simulator)
            for name, measure in self._measures.items()
            if isinstance(measure, CorpusMeasure)
        }

    def zeros(self, num_users: int, sizes: Mapping[str, int] | None = None) -> dict[str, tf.Tensor]:
        """The sums before the first step, float32 [B] by name, [B, C] where there are `sizes`."""
        shapes = {name: (size,) for name, size in (sizes or {}).items()}
        return {name: tf.zeros([num_users, *shapes.get(name, ())]) for name in self._measures}

    def add(self, sums: Mapping[str, tf.Tensor], transition: Transition) -> dict[str, tf.Tensor]:
        """The sums with a step, to which sessions that have ended add nothing."""
        active = transition.active
        found = {}
        for name, measure in self._measures.items():
            if isinstance(measure, CorpusMeasure):
                value = measure.counts(transition, sums[name].shape[1])
                value = tf.where(active[:, tf.newaxis], value, tf.zeros_like(value))
            else:
                value = tf.convert_to_tensor(measure(transition))
                suits = value.dtype != tf.string
                _check(f"Evaluation.measures[{name!r}]", value, active.shape[0], suits)
                value = tf.cast(value, tf.float32)
                value = tf.where(active, value, tf.zeros_like(value))
            found[name] = sums[name] + value
        return found

    def summaries(self, sums: Mapping[str, np.ndarray], users_per_corpus: int) -> dict[str, Any]:
        """The mean and standard error of each measure, as JSON; a measure of the corpus has no
        standard error.
        """
        found: dict[str, Any] = {}
        for name, values in sums.items():
            of_corpora = values.reshape(-1, users_per_corpus, *values.shape[1:])
            measure = self._measures[name]
            if isinstance(measure, CorpusMeasure):
                value = measure.value(of_corpora.sum(axis=1))
                found[name] = {"mean": value, "standard_error": None}
            else:
                found |= summaries({name: of_corpora.mean(axis=1)})
        return found

    def segments(self, user: Nest, num_users: int) -> dict[str, tf.Tensor]:
        """The segment of each user, int32 [B] by name, from their state at the start."""
        found = {}
        for name, segment in self._segments.items():
            value = tf.convert_to_tensor(segment(user))
            discrete = value.dtype.is_integer or value.dtype.is_bool
            _check(f"Evaluation.segments[{name!r}]", value, num_users, discrete, "integers ")
            found[name] = tf.cast(value, tf.int32)
        return found


def _checked(argument: str, functions: Mapping[str, Any] | None) -> dict[str, Any]:
    if not isinstance(functions, Mapping | None):
        raise UsageError(
            f"Evaluation.{argument} must be functions by name, as {{'name': @function}}, got"
            f" {functions!r}"
        )
    for name, function in (functions or {}).items():
        if not isinstance(name, str) or not name or name in TAKEN or set(name) & set("/,="):
            raise UsageError(
                f"Evaluation.{argument} must have names of its own without '/', ',' and '=', got"
                f" {name!r}"
            )
        if isinstance(function, type) and issubclass(function, CorpusMeasure):
            raise UsageError(
                f"Evaluation.{argument}[{name!r}] must be a function or an object, got a class:"
                f" write @{function.__name__}() with parentheses"
            )
        if not callable(function) and not isinstance(function, CorpusMeasure):
            raise UsageError(
                f"Evaluation.{argument}[{name!r}] must be a function, got {function!r}"
            )
    return dict(functions or {})


def _check(name: str, value: tf.Tensor, num_users: int, suits: bool, kind: str = "") -> None:
    if not suits or value.shape != [num_users]:
        raise UsageError(
            f"{name} must give {kind}[{num_users}], one for each user, got {value.dtype.name}"
            f" {value.shape}"
        )


def summaries(measures: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The mean and standard error of each measure, as JSON."""
    return {name: Estimate.of(values)._asdict() for name, values in measures.items()}


def by_segment(
    segments: Mapping[str, np.ndarray], returns: np.ndarray, measures: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """The results of each segment as JSON: by the name of the segments and the number of
    the segment, "episodes", "return" and "measures".
    """
    found: dict[str, dict[str, Any]] = {}
    # Those of the corpus are of all users.
    measures = {name: values for name, values in measures.items() if values.ndim == 1}
    for name, numbers in segments.items():
        found[name] = {}
        for number in np.unique(numbers):
            rows = numbers == number
            found[name][f"{number:.0f}"] = {
                "episodes": int(rows.sum()),
                "return": Estimate.of(returns[rows])._asdict(),
                "measures": summaries({key: values[rows] for key, values in measures.items()}),
            }
    return found


def columns(policy: Mapping[str, Any]) -> dict[str, float]:
    """Means of measures and segments of a policy of results.json, by names for TensorBoard and for
    the columns of a sweep, as "revenue", "return/age=1" and "revenue/age=1".
    """
    found = {name: value["mean"] for name, value in policy.get("measures", {}).items()}
    for segments, numbers in policy.get("segments", {}).items():
        for number, result in numbers.items():
            for name, value in {"return": result["return"], **result["measures"]}.items():
                found[f"{name}/{segments}={number}"] = value["mean"]
    return found
