"""Measures of the corpus: what all sessions of an evaluation together show of it. They have no
segments, and no standard error but that of a mean over `Evaluation.seeds`.
"""

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Transition
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.measures import Measure, num_categories
from recsim_tf.support.errors import UsageError


@gin.configurable(module="recsim_tf")
def coverage() -> Measure:
    """The share of a corpus that is shown to any of its users, the mean over corpora, where
    candidates stay ("catalog coverage", Ge et al. 2010, "Beyond accuracy: evaluating recommender
    systems by coverage and serendipity").
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


@gin.configurable(module="recsim_tf")
def provider_exposure(provider: int = 0) -> Measure:
    """The share of a provider, a `cluster_id` [B, K] of responses, in the exposure of all. A
    document at position k, from 1, has the exposure 1 / log2(1 + k) (Singh and Joachims 2018,
    "Fairness of Exposure in Rankings").
    """
    return Measure(
        _exposure,
        lambda exposure: _share(exposure[..., provider], exposure),
        lambda simulator: _providers(simulator, provider),
    )


@gin.configurable(module="recsim_tf")
def provider_gini() -> Measure:
    """The Gini coefficient of the exposure x_i of P providers, in increasing order: sum_i (2i - P -
    1) x_i / (P sum_i x_i), from 0, where all are exposed alike, to 1 - 1/P (Fleder and Hosanagar
    2009, "Blockbuster Culture's Next Rise or Fall"). See `provider_exposure`.
    """

    def summary(exposure: np.ndarray) -> float:
        number = exposure.shape[-1]
        ranks = 2 * np.arange(1, number + 1) - number - 1
        of_providers = exposure.sum(axis=1).sum(axis=0)
        return _share(ranks @ np.sort(of_providers) / number, of_providers)

    return Measure(_exposure, summary, _providers)


@gin.configurable(module="recsim_tf")
def slate_diversity() -> Measure:
    """The share of the pairs of documents in a slate whose `cluster_id` differs, the mean over
    slates of two documents and more ("intra-list diversity", Ziegler et al. 2005, "Improving
    recommendation lists through topic diversification").
    """

    def counts(step: Transition, _: int) -> tf.Tensor:
        # The diversity of a slate, and 1 less it; zeros where it has no pair.
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
    if provider not in range(number):
        raise UsageError(f"provider_exposure.provider must be in [0, {number}), got {provider!r}")
    return (number,)


def _exposure(step: Transition, num_providers: int) -> tf.Tensor:
    """[B, P], of each provider."""
    weights = 1 / np.log2(2 + np.arange(step.slate.shape[1], dtype=np.float32))
    exposed = tf.where(step.slate >= 0, weights, 0.0)
    providers = tf.one_hot(step.response.cluster_id, num_providers)
    return tf.linalg.matvec(providers, exposed, transpose_a=True)


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    """The sum of a part of what is counted, as a share of all, 0 where nothing is counted."""
    return float(part.sum() / whole.sum()) if whole.any() else 0.0
