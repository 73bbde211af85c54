"""Measures of the corpus: what all sessions of an evaluation together show of it."""

import abc
import dataclasses

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Transition
from recsim_tf.support.errors import UsageError


def num_categories(spec: Nest) -> int:
    """C, of a bounded spec of integers in [0, C); 0 of any other."""
    if not isinstance(spec, tf.TensorSpec) or not spec.dtype.is_integer:
        return 0
    largest = np.max(getattr(spec, "maximum", spec.dtype.max))
    return 0 if largest == spec.dtype.max else int(largest) + 1


class CorpusMeasure(abc.ABC):
    """A measure of the corpus for `Evaluation.measures`. It has no segments, and no standard error
    but that of a mean over `Evaluation.seeds`.
    """

    @abc.abstractmethod
    def size(self, simulator: Simulator) -> int:
        """C, how much is counted; a `UsageError` where an environment does not have it."""

    @abc.abstractmethod
    def counts(self, transition: Transition, size: int) -> tf.Tensor:
        """What is counted in a step, [B, C], and summed over a session."""

    @abc.abstractmethod
    def value(self, counts: np.ndarray) -> float:
        """The measure, of the counts [W, C] of the sessions with each corpus."""


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Coverage(CorpusMeasure):
    """The share of a corpus that is shown to any of its users, the mean over corpora ("catalog
    coverage", Ge et al. 2010, "Beyond accuracy: evaluating recommender systems by coverage and
    serendipity"). It is defined where candidates stay, with `resample_documents=False`.
    """

    def size(self, simulator: Simulator) -> int:
        if simulator.resample_documents:
            raise UsageError(
                "Coverage must have candidates that stay, resample_documents=False, got others in"
                " each step"
            )
        return simulator.num_candidates

    def counts(self, transition: Transition, size: int) -> tf.Tensor:
        return tf.reduce_sum(tf.one_hot(transition.slate, size), axis=1)

    def value(self, counts: np.ndarray) -> float:
        return float((counts > 0).mean())


@dataclasses.dataclass(frozen=True)
class _OfProviders(CorpusMeasure):
    field: str = "cluster_id"

    def size(self, simulator: Simulator) -> int:
        fields = fields_of(simulator.observation_spec().response)
        number = num_categories(fields.get(self.field))
        if not number:
            raise UsageError(
                f"{type(self).__name__}.field must be a field of responses, of integers with an"
                f" upper bound, got {self.field!r} of {', '.join(fields)}"
            )
        return number

    def counts(self, transition: Transition, size: int) -> tf.Tensor:
        """[B, P]: the exposure of providers. A document at position k, from 1, has 1 / log2(1 + k)
        (Singh and Joachims 2018, "Fairness of Exposure in Rankings").
        """
        weights = 1 / np.log2(2 + np.arange(transition.slate.shape[1], dtype=np.float32))
        exposed = tf.where(transition.slate >= 0, weights, 0.0)
        providers = tf.one_hot(fields_of(transition.response)[self.field], size)
        return tf.linalg.matvec(providers, exposed, transpose_a=True)


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class ProviderExposure(_OfProviders):
    """The share that a provider has of the exposure of all, see `_OfProviders.counts`.

    Args:
      field: of responses, int [B, K]: the provider, or another cluster, of each document.
      provider: in [0, P).
    """

    provider: int = 0

    def size(self, simulator: Simulator) -> int:
        size = super().size(simulator)
        if self.provider not in range(size):
            raise UsageError(
                f"ProviderExposure.provider must be in [0, {size}), got {self.provider!r}"
            )
        return size

    def value(self, counts: np.ndarray) -> float:
        exposure = counts.sum(axis=0)
        return float(exposure[self.provider] / max(exposure.sum(), 1e-9))


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class ProviderGini(_OfProviders):
    """The Gini coefficient of the exposure x_i of P providers, in increasing order: sum_i (2i - P -
    1) x_i / (P sum_i x_i), as in Fleder and Hosanagar 2009, "Blockbuster Culture's Next Rise or
    Fall". It is 0 where all are exposed alike, and 1 - 1/P where one provider has all exposure.

    Args:
      field: as in `ProviderExposure`.
    """

    def value(self, counts: np.ndarray) -> float:
        exposure = np.sort(counts.sum(axis=0))
        ranks = 2 * np.arange(1, len(exposure) + 1) - len(exposure) - 1
        return float(ranks @ exposure / (len(exposure) * max(exposure.sum(), 1e-9)))


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class SlateDiversity(_OfProviders):
    """The share of the pairs of documents in a slate whose providers, or clusters, differ, the mean
    over slates of two documents and more ("intra-list diversity", Ziegler et al. 2005, "Improving
    recommendation lists through topic diversification").

    Args:
      field: as in `ProviderExposure`.
    """

    def size(self, simulator: Simulator) -> int:
        super().size(simulator)
        return 2

    def counts(self, transition: Transition, size: int) -> tf.Tensor:
        provider = fields_of(transition.response)[self.field]
        shown = tf.cast(transition.slate >= 0, tf.float32)
        both = shown[:, tf.newaxis] * shown[:, :, tf.newaxis]
        differ = tf.cast(provider[:, tf.newaxis] != provider[:, :, tf.newaxis], tf.float32)
        number = tf.reduce_sum(shown, axis=1)
        pairs = number * (number - 1)
        different = tf.reduce_sum(both * differ, axis=[1, 2])
        return tf.stack([tf.math.divide_no_nan(different, pairs), tf.sign(pairs)], axis=1)

    def value(self, counts: np.ndarray) -> float:
        diverse, slates = counts.sum(axis=0)
        return float(diverse / max(slates, 1))
