"""Measures of the corpus: what all sessions of an evaluation together show of it."""

from collections.abc import Callable
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest, Transition
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.support.errors import UsageError


class CorpusMeasure(NamedTuple):
    """A measure of the corpus for `Evaluation.measures`. It has no segments, and no standard error
    but that of a mean over `Evaluation.seeds`.
    """

    # C, how much is counted; a `UsageError` where an environment does not have it
    size: Callable[[Simulator], int]
    counts: Callable[[Transition, int], tf.Tensor]  # of a step and C, [B, C], summed over sessions
    value: Callable[[np.ndarray], float]  # of the counts [W, C] of the sessions with each corpus


def num_categories(spec: Nest) -> int:
    """C, of a bounded spec of integers in [0, C); 0 of any other."""
    if not isinstance(spec, tf.TensorSpec) or not spec.dtype.is_integer:
        return 0
    largest = np.max(getattr(spec, "maximum", spec.dtype.max))
    return 0 if largest == spec.dtype.max else int(largest) + 1


@gin.configurable(module="recsim_tf")
def coverage() -> CorpusMeasure:
    """The share of a corpus that is shown to any of its users, the mean over corpora, where
    candidates stay ("catalog coverage", Ge et al. 2010, "Beyond accuracy: evaluating recommender
    systems by coverage and serendipity").
    """

    def size(simulator: Simulator) -> int:
        if simulator.resample_documents:
            raise UsageError("coverage needs candidates that stay: resample_documents=False")
        return simulator.num_candidates

    return CorpusMeasure(
        size,
        lambda transition, size: tf.reduce_sum(tf.one_hot(transition.slate, size), axis=1),
        lambda counts: float((counts > 0).mean()),
    )


@gin.configurable(module="recsim_tf")
def provider_exposure(provider: int = 0) -> CorpusMeasure:
    """The share of a provider, a `cluster_id` [B, K] of responses, in the exposure of all. A
    document at position k, from 1, has the exposure 1 / log2(1 + k) (Singh and Joachims 2018,
    "Fairness of Exposure in Rankings").
    """
    return CorpusMeasure(
        lambda simulator: _num_providers(simulator, provider),
        _exposure,
        lambda counts: _share(counts[:, provider].sum(), counts),
    )


@gin.configurable(module="recsim_tf")
def provider_gini() -> CorpusMeasure:
    """The Gini coefficient of the exposure x_i of P providers, in increasing order: sum_i (2i - P -
    1) x_i / (P sum_i x_i), from 0, where all are exposed alike, to 1 - 1/P (Fleder and Hosanagar
    2009, "Blockbuster Culture's Next Rise or Fall"). See `provider_exposure`.
    """

    def value(counts: np.ndarray) -> float:
        number = counts.shape[1]
        ranks = 2 * np.arange(1, number + 1) - number - 1
        return _share(ranks @ np.sort(counts.sum(axis=0)) / number, counts)

    return CorpusMeasure(_num_providers, _exposure, value)


@gin.configurable(module="recsim_tf")
def slate_diversity() -> CorpusMeasure:
    """The share of the pairs of documents in a slate whose `cluster_id` differs, the mean over
    slates of two documents and more ("intra-list diversity", Ziegler et al. 2005, "Improving
    recommendation lists through topic diversification").
    """

    def counts(transition: Transition, size: int) -> tf.Tensor:
        # The diversity of a slate, and 1 less it; zeros where it has no pair.
        cluster = transition.response.cluster_id
        shown = tf.cast(transition.slate >= 0, tf.float32)
        differ = tf.cast(cluster[:, tf.newaxis] != cluster[:, :, tf.newaxis], tf.float32)
        pairs = tf.reduce_sum(shown, axis=1) * (tf.reduce_sum(shown, axis=1) - 1)
        different = tf.einsum("bi,bj,bij->b", shown, shown, differ)
        diversity = tf.math.divide_no_nan(different, pairs)
        return tf.stack([diversity, tf.sign(pairs) - diversity], axis=1)

    return CorpusMeasure(
        lambda simulator: 2 if _num_providers(simulator) else 0,
        counts,
        lambda counts: _share(counts[:, 0].sum(), counts),
    )


def _num_providers(simulator: Simulator, provider: int = 0) -> int:
    fields = fields_of(simulator.observation_spec().response)
    number = num_categories(fields.get("cluster_id"))
    if not number:
        needed = "measures of providers and clusters need responses with a bounded cluster_id"
        raise UsageError(f"{needed}, got {', '.join(fields)}")
    if provider not in range(number):
        raise UsageError(f"provider_exposure.provider must be in [0, {number}), got {provider!r}")
    return number


def _exposure(transition: Transition, size: int) -> tf.Tensor:
    """[B, P], of each provider."""
    weights = 1 / np.log2(2 + np.arange(transition.slate.shape[1], dtype=np.float32))
    exposed = tf.where(transition.slate >= 0, weights, 0.0)
    providers = tf.one_hot(transition.response.cluster_id, size)
    return tf.linalg.matvec(providers, exposed, transpose_a=True)


def _share(part: float, counts: np.ndarray) -> float:
    """A part of all counts, 0 where nothing is counted."""
    return float(part / counts.sum()) if counts.any() else 0.0
