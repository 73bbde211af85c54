# SPDX-License-Identifier: Apache-2.0
"""Measures: counts at each step of a session, and summaries of their sums.

A step shows a slate, and a slate counts as one impression, however many documents it has. So rates
are per step, as in RecSim 0.2.4, unless their name has another unit.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import configurable, is_integer
from recsim_tf.core.base.types import Nest, Transition
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.support.errors import UsageError
from recsim_tf.support.means import Mean

CLUSTERS = "cluster_watch_count_frac/"  # prefix of the names of the measures of clusters
# RecSim's tags of measures by name. Other tags are equal to the names.
_RECSIM_TAGS = {
    "return": "AverageEpisodeRewards",
    "steps": "AverageEpisodeLength",
    "click_rate": "CTR",
    "mean_quality": "AverageQuality",
}
# Reserved names: measures of every evaluation, columns of tables, of sessions.csv and of sweep.csv,
# and RecSim's tags.
TAKEN = frozenset(
    (
        *("return", "steps", "clicks", "shown", "left", "time_limit", "quality", "no_click"),
        *("click_rate", "document_click_rate", "mean_quality", "cluster_clicks", "user", "outcome"),
        *("policy", "segment", "session length", "click rate", "sessions", "trial", "status"),
        *("error", "folder", "standard_error", "session_length", "iterations", "env_steps"),
        *("seed", "seconds", "episodes"),
        *("AverageEpisodeRewards", "AverageEpisodeLength", "StdEpisodeRewards", "StandardError"),
        *("CTR", "AverageQuality", "cluster_watch_count_frac"),
    )
)


def mean(sums: np.ndarray) -> Mean:
    """The mean over sessions of sums [W, U] of U users in each of W worlds. Users who share a world
    are not independent, so the standard error is computed from the means of worlds.
    """
    return Mean.of(sums.mean(axis=1))


def ratio(parts: np.ndarray, wholes: np.ndarray) -> Mean:
    """A ratio of sums [W, U] over all sessions, such as clicks per step. See `mean` for worlds."""
    return Mean.of_ratio(parts.sum(axis=1), wholes.sum(axis=1))


class Measure(NamedTuple):
    """A count at each step of a session, and a summary of the sums over sessions.

    `Measure(function)` is the measure of a function `transition [B, ...] -> [B]`: the mean of its
    sum over a session.

        measures = {"revenue": revenue, "revenue a click": Measure.ratio("revenue", "clicks")}

    A measure with a single number for each session has values for segments, and a column in
    sessions.csv.
    """

    # (transition [B, ...], *shape) -> counts [B, *shape]; None if only other measures' are used
    counts: Callable[..., tf.Tensor] | None = None
    # The summary of sums [W, U, *shape] of U users in each of W worlds: a mean, or a number without
    # an error; None for a count that only other measures use.
    summary: Callable[..., Mean | float] | None = mean
    # The shape of the count of a session in an environment. Raises a `UsageError` if the
    # environment does not have the measure.
    shape: Callable[[Simulator], tuple[int, ...]] = lambda simulator: ()
    of: tuple[str, ...] = ()  # the measures whose sums the summary takes; its own if empty

    @classmethod
    def ratio(cls, part: str, whole: str) -> "Measure":
        """The ratio of the counts of two measures, such as "clicks" and "steps"."""
        return cls(None, ratio, of=(part, whole))


def session_measures(response_spec: Nest) -> dict[str, Measure]:
    """The measures of sessions that the responses of an environment allow, by name.

    The measures of clicks on clusters are RecSim's, as fractions of the steps. A cluster without a
    click has the value 0, where RecSim writes no value, so that curves have no gaps.

    Args:
      response_spec: bounded specs of an observed response, `simulator.observation_spec().response`.
    """
    measures = {
        "return": Measure(lambda step: step.reward),
        "steps": Measure(lambda step: step.active),
        "clicks": Measure(lambda step: _sum(_clicked(step))),
        "shown": Measure(lambda step: _sum(step.slate >= 0), None),
        "left": Measure(lambda step: step.terminated),
        "time_limit": Measure(lambda step: step.truncated),
        "click_rate": Measure.ratio("clicks", "steps"),
        "document_click_rate": Measure.ratio("clicks", "shown"),
    }
    # All responses have `clicked`. Other fields depend on the model.
    fields = fields_of(response_spec)
    if "quality" in fields:
        measures["quality"] = Measure(
            lambda step: _sum(_clicked(step) * tf.cast(step.response.quality, tf.float32)), None
        )
        measures["mean_quality"] = Measure.ratio("quality", "clicks")
    if number := num_categories(fields.get("cluster_id")):
        measures["cluster_clicks"] = Measure(
            lambda step, size: _sum(
                _clicked(step)[..., tf.newaxis] * tf.one_hot(step.response.cluster_id, size)
            ),
            None,
            lambda _: (number,),
        )
        measures["no_click"] = Measure(lambda step: _sum(_clicked(step)) == 0, None)
        for cluster in range(number):
            measures[f"{CLUSTERS}cluster_{cluster}"] = Measure(
                None,
                lambda clicks, steps, cluster=cluster: ratio(clicks[..., cluster], steps),
                of=("cluster_clicks", "steps"),
            )
        measures[f"{CLUSTERS}no_click"] = Measure.ratio("no_click", "steps")
    return measures


def num_categories(spec: Nest) -> int:
    """The number C of values of a bounded spec of integers in [0, C); 0 for any other spec."""
    if not isinstance(spec, tf.TensorSpec) or not spec.dtype.is_integer:
        return 0
    largest = np.max(getattr(spec, "maximum", spec.dtype.max))
    return 0 if largest == spec.dtype.max else int(largest) + 1


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(values, tf.float32), axis=1)


def _clicked(step: Transition) -> tf.Tensor:
    return tf.cast(step.response.clicked, tf.float32)


def tags(means: Mapping[str, Mean]) -> dict[str, float]:
    """The measures that RecSim has too, by its scalar tags. A measure without a value, such as the
    quality of clicks without a click, is left out.
    """
    return {
        _RECSIM_TAGS.get(name, name): float(measured.value)
        for name, measured in means.items()
        if (name in _RECSIM_TAGS or name.startswith(CLUSTERS)) and not math.isnan(measured.value)
    }


def shapes(measures: Mapping[str, Measure], simulator: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of the counts of a session in an environment, by name of the measure. Raises a
    UsageError for a measure that the environment does not have, or a measure of unknown counts.
    """
    counted = {name: measure for name, measure in measures.items() if measure.counts is not None}
    for name, measure in measures.items():
        for part in set(measure.of or [name]) - set(counted):
            raise UsageError(
                f"Evaluation.measures[{name!r}] must use counted measures, {', '.join(counted)},"
                f" got {part!r}"
            )
    return {name: measure.shape(simulator) for name, measure in counted.items()}


def zeros(shapes: Mapping[str, tuple[int, ...]], num_users: int) -> dict[str, tf.Tensor]:
    """The sums before the first step, float32 [B, ...] by name, a carry of `Simulator.fold`."""
    return {name: tf.zeros([num_users, *shape]) for name, shape in shapes.items()}


def add(
    measures: Mapping[str, Measure], sums: Mapping[str, tf.Tensor], transition: Transition
) -> dict[str, tf.Tensor]:
    """The sums after a step. Sessions that have ended add nothing."""
    added = dict(sums)
    for name, measure in measures.items():
        if measure.counts is not None:
            shape = sums[name].shape
            value = tf.convert_to_tensor(measure.counts(transition, *shape[1:]))
            _check(f"Evaluation.measures[{name!r}]", value, shape, value.dtype != tf.string)
            active = tf.reshape(transition.active, [-1, *[1] * (shape.rank - 1)])
            added[name] = sums[name] + tf.where(active, tf.cast(value, tf.float32), 0.0)
    return added


def summaries(
    measures: Mapping[str, Measure], sums: Mapping[str, np.ndarray], users_per_world: int = 1
) -> dict[str, Mean]:
    """The summaries of the sums [B, ...] of all sessions, by name of the measure. A number without
    an error has the standard error NaN. A measure without a value, such as the quality of clicks
    without a click, is NaN.
    """
    worlds = {name: _by_world(values, users_per_world) for name, values in sums.items()}
    means = {}
    for name, measure in measures.items():
        if measure.summary is not None:
            result = measure.summary(*(worlds[part] for part in measure.of or (name,)))
            means[name] = result if isinstance(result, Mean) else Mean(float(result), math.nan)
    return means


def segment_summaries(
    measures: Mapping[str, Measure],
    sums: Mapping[str, np.ndarray],
    rows: np.ndarray,
    users_per_world: int,
) -> dict[str, Mean]:
    """The `summaries` of the sessions in a segment.

    Args:
      measures: measures with a single number for each session.
      sums: the sums of all sessions, [B] by name.
      rows: whether each session is in the segment, bool [B].
      users_per_world: U. Users who share a world are not independent, so the standard errors of
        means and ratios are computed from the sums of worlds. For U > 1 other measures have the
        standard error NaN.
    """
    inside = summaries(measures, {name: values[rows] for name, values in sums.items()})
    if users_per_world == 1:
        return inside

    def in_worlds(values: np.ndarray) -> np.ndarray:
        return _by_world(np.where(rows, values, 0.0), users_per_world)

    means = {}
    for name, result in inside.items():
        measure = measures[name]
        means[name] = Mean(result.value, math.nan)
        if measure.summary in (mean, ratio):
            part, *whole = (in_worlds(sums[each]) for each in measure.of or (name,))
            # A mean is the ratio to the number of sessions.
            means[name] = ratio(part, *whole or [in_worlds(np.ones(len(rows)))])
    return means


def _by_world(values: np.ndarray, users_per_world: int) -> np.ndarray:
    """Numbers [B, ...] as [W, U, ...] of U users in each world."""
    return values.reshape(-1, users_per_world, *values.shape[1:])


def segment_numbers(
    segments: Mapping[str, Callable[[Nest], tf.Tensor]], user: Nest, num_users: int
) -> dict[str, tf.Tensor]:
    """The segment of each user, int32 or bool [B] by name, from their state at the start."""
    numbers = {}
    for name, segment in segments.items():
        value = tf.convert_to_tensor(segment(user))
        discrete = value.dtype.is_integer or value.dtype.is_bool
        _check(f"Evaluation.segments[{name!r}]", value, [num_users], discrete, "integers ")
        numbers[name] = value if value.dtype.is_bool else tf.cast(value, tf.int32)
    return numbers


def _check(name: str, value: tf.Tensor, shape: Any, suits: bool, kind: str = "") -> None:
    if not suits or value.shape != shape:
        raise UsageError(
            f"{name} must give {kind}{list(shape)}, one for each user, got {value.dtype.name}"
            f" {value.shape}"
        )


def new_names(
    argument: str, named: Mapping[str, Any] | None, kinds: Any, taken: Collection[str] = ()
) -> dict[str, Any]:
    """The functions, or other values of the allowed kinds, of an argument of `Evaluation`, by name.
    Raises a UsageError for another value, or a name in `taken` or in `TAKEN`.
    """
    if not isinstance(named, Mapping | None):
        raise UsageError(
            f"Evaluation.{argument} must be functions by name, {{'name': @function}}, got {named!r}"
        )
    taken = {"", *TAKEN, *taken}
    for name, function in (named or {}).items():
        if not isinstance(name, str) or name in taken or set(name) & set("/,="):
            raise UsageError(
                f"Evaluation.{argument} must have new names without '/', ',' and '=', got {name!r}"
            )
        if not isinstance(function, kinds):
            raise UsageError(
                f"Evaluation.{argument}[{name!r}] must be a function, got {function!r}"
            )
    return dict(named or {})


# Measures of the corpus, computed from all sessions of an evaluation together. They have no
# segments, and a standard error only as a mean over `Evaluation.seeds`.


@configurable(module="recsim_tf")
def coverage() -> Measure:
    """The share of the documents of a corpus that are shown to any of its users, as a mean over
    corpora. The candidates must be the same in all steps ("catalog coverage", Ge et al. 2010,
    "Beyond accuracy: evaluating recommender systems by coverage and serendipity").
    """

    def shape(simulator: Simulator) -> tuple[int]:
        if simulator.resample_documents:
            raise UsageError("coverage needs candidates that stay: resample_documents=False")
        return (simulator.num_candidates,)

    return Measure(
        lambda step, size: tf.reduce_sum(tf.one_hot(step.slate, size), axis=1),
        lambda shown: float((shown.sum(axis=1) > 0).mean()),
        shape,
    )


@configurable(module="recsim_tf")
def provider_exposure(provider: int = 0) -> Measure:
    """The share of a provider in the exposure of all documents. The provider of a document is the
    `cluster_id` [B, K] of its response. A document at position k, from 1, has the exposure
    1 / log2(1 + k) (Singh and Joachims 2018, "Fairness of Exposure in Rankings").
    """
    return Measure(
        _exposure,
        lambda exposure: _share(exposure[..., provider], exposure),
        lambda simulator: _providers(simulator, provider),
    )


@configurable(module="recsim_tf")
def provider_gini() -> Measure:
    """The Gini coefficient of the exposures x_i of P providers, in increasing order: sum_i (2i - P
    - 1) x_i / (P sum_i x_i). It lies between 0, for equal exposures, and 1 - 1/P (Fleder and
    Hosanagar 2009, "Blockbuster Culture's Next Rise or Fall"). See `provider_exposure`.
    """

    def summary(exposure: np.ndarray) -> float:
        number = exposure.shape[-1]
        ranks = 2 * np.arange(1, number + 1) - number - 1
        by_provider = exposure.sum(axis=1).sum(axis=0)
        return _share(ranks @ np.sort(by_provider) / number, by_provider)

    return Measure(_exposure, summary, _providers)


@configurable(module="recsim_tf")
def slate_diversity() -> Measure:
    """The share of the pairs of documents in a slate whose `cluster_id` differs, as a mean over
    slates with at least two documents ("intra-list diversity", Ziegler et al. 2005, "Improving
    recommendation lists through topic diversification").
    """

    def counts(step: Transition, _: int) -> tf.Tensor:
        # The diversity of a slate, and 1 - diversity; both are 0 for a slate without a pair.
        cluster = step.response.cluster_id
        shown = tf.cast(step.slate >= 0, tf.float32)
        differ = tf.cast(cluster[:, tf.newaxis] != cluster[:, :, tf.newaxis], tf.float32)
        pairs = tf.reduce_sum(shown, axis=1) * (tf.reduce_sum(shown, axis=1) - 1)
        different = tf.einsum("bi,bj,bij->b", shown, shown, differ)
        diversity = tf.math.divide_no_nan(different, pairs)
        return tf.stack([diversity, tf.sign(pairs) - diversity], axis=1)

    return Measure(
        counts,
        lambda counts: _share(counts[..., 0], counts),
        lambda simulator: (2 if _providers(simulator) else 0,),
    )


def _providers(simulator: Simulator, provider: int = 0) -> tuple[int]:
    fields = fields_of(simulator.observation_spec().response)
    number = num_categories(fields.get("cluster_id"))
    if not number:
        needed = "measures of providers and clusters need responses with a bounded cluster_id"
        raise UsageError(f"{needed}, got {', '.join(fields)}")
    if not is_integer(provider) or provider not in range(number):
        raise UsageError(f"provider_exposure.provider must be in [0, {number}), got {provider!r}")
    return (number,)


def _exposure(step: Transition, num_providers: int) -> tf.Tensor:
    """The exposure of each provider, [B, P]."""
    weights = 1 / np.log2(2 + np.arange(step.slate.shape[1], dtype=np.float32))
    exposed = tf.where(step.slate >= 0, weights, 0.0)
    providers = tf.one_hot(step.response.cluster_id, num_providers)
    return tf.linalg.matvec(providers, exposed, transpose_a=True)


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    """The sum of a part of the counts as a share of the sum of all, or 0 if there are no counts."""
    return float(part.sum() / whole.sum()) if whole.any() else 0.0
