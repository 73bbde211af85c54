"""Measures and segments that users of the project define, by name."""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest, Transition
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.corpus_measures import CorpusMeasure
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
        self._sizes: dict[str, tuple[int]] = {}
        both = sorted(set(self._measures) & set(self._segments))
        if both:
            raise UsageError(f"Evaluation.segments must not be named as a measure, got {both[0]!r}")

    def of(self, simulator: Simulator) -> "OwnMeasures":
        """These measures of an environment; a `UsageError` for one that it does not have."""
        found = copy.copy(self)
        found._sizes = {
            name: (measure.size(simulator),)
            for name, measure in self._measures.items()
            if isinstance(measure, CorpusMeasure)
        }
        return found

    def zeros(self, num_users: int) -> dict[str, tf.Tensor]:
        """The sums before the first step, float32 [B], or [B, C] of the corpus, by name."""
        return {name: tf.zeros([num_users, *self._sizes.get(name, ())]) for name in self._measures}

    def add(self, sums: Mapping[str, tf.Tensor], transition: Transition) -> dict[str, tf.Tensor]:
        """The sums with a step, to which sessions that have ended add nothing."""
        active = transition.active
        found = {}
        for name, measure in self._measures.items():
            if isinstance(measure, CorpusMeasure):
                value = measure.counts(transition, sums[name].shape[1])
            else:
                value = tf.convert_to_tensor(measure(transition))
                of = f"Evaluation.measures[{name!r}]"
                _check(of, value, active.shape[0], value.dtype != tf.string)
            counts = tf.reshape(active, [-1, *[1] * (value.shape.rank - 1)])
            found[name] = sums[name] + tf.where(counts, tf.cast(value, tf.float32), 0.0)
        return found

    def summaries(self, sums: Mapping[str, np.ndarray], users_per_corpus: int) -> dict[str, Any]:
        """The mean and standard error of each measure, None of one of the corpus, as JSON."""
        found: dict[str, Any] = {}
        for name, values in sums.items():
            of_corpora = values.reshape(-1, users_per_corpus, *values.shape[1:])
            if isinstance(measure := self._measures[name], CorpusMeasure):
                value = measure.value(of_corpora.sum(axis=1))
                found[name] = {"mean": value, "standard_error": None}
            else:
                found[name] = Estimate.of(of_corpora.mean(axis=1))._asdict()
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
        is_of_corpus = argument == "measures" and isinstance(function, CorpusMeasure)
        if not callable(function) and not is_of_corpus:
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


def by_segment(
    segments: Mapping[str, np.ndarray], returns: np.ndarray, measures: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """The results of each segment as JSON: by the name of the segments and the number of
    the segment, "episodes", "return" and "measures".
    """
    found: dict[str, dict[str, Any]] = {}
    measures = {name: values for name, values in measures.items() if values.ndim == 1}
    for name, numbers in segments.items():
        found[name] = {}
        for number in np.unique(numbers):
            rows = numbers == number
            found[name][f"{number:.0f}"] = {
                "episodes": int(rows.sum()),
                "return": Estimate.of(returns[rows])._asdict(),
                "measures": {
                    key: Estimate.of(values[rows])._asdict() for key, values in measures.items()
                },
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
