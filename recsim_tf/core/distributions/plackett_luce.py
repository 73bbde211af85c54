"""The Plackett-Luce distribution of ordered slates."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random, validation
from recsim_tf.core.distributions.base import CustomDistribution


class PlackettLuce(CustomDistribution):
    """Ordered slates of K of N candidates, drawn position by position without replacement (Plackett
    1975).

    Position k takes candidate i, of those that are left, with probability exp(logits[i]) / sum_{j
    left} exp(logits[j]). Draws are by Gumbel top-K (Yellott 1977; Kool et al. 2019, arXiv
    1903.06059): the K largest of logits plus independent Gumbel noise, in order.

    Slates are int32 of event shape [K]. The batch shape is that of the logits without their last
    axis. Slates with a repetition, or with a position outside [0, N), such as -1, have probability
    0.

    Args:
      logits: float [..., N].
      slate_size: K, in [1, N].
      mask: bool [..., N] or None: False where a candidate cannot be shown. At least K must be True;
        this is not checked.

    Raises:
      ValueError: if slate_size is out of range.
    """

    def __init__(self, logits, slate_size: int, mask=None, name: str = "PlackettLuce"):
        parameters = dict(locals())
        logits = tf.convert_to_tensor(logits)
        validation.check_count(slate_size=slate_size)
        if slate_size > logits.shape[-1]:
            raise ValueError(
                f"slate_size must be in [1, number of logits={logits.shape[-1]}], got {slate_size}"
            )
        self.logits = logits
        self.slate_size = slate_size
        self.mask = mask
        super().__init__(tf.int32, parameters, name)

    def _batch_shape(self):
        return self.logits.shape[:-1]

    def _batch_shape_tensor(self):
        return tf.shape(self.logits)[:-1]

    def _event_shape(self):
        return tf.TensorShape([self.slate_size])

    def _event_shape_tensor(self):
        return tf.constant([self.slate_size], tf.int32)

    def _mode(self):
        return tf.math.top_k(self._masked(self.logits), self.slate_size).indices

    def _sample_n(self, n, seed=None):
        return self._draw(
            tf.concat([[n], tf.shape(self.logits)], axis=0), tfp.random.sanitize_seed(seed)
        )

    def _draw(self, shape, seed):
        return tf.math.top_k(self._keys(shape, seed), self.slate_size).indices

    def keys(self, seed) -> tf.Tensor:
        """[..., N]: logits plus Gumbel noise, -inf where masked.

        The slate that `random.sample` draws with this seed holds the K largest in order.

        Args:
          seed: an integer or int32 [2].
        """
        return self._keys(tf.shape(self.logits), seed)

    def _keys(self, shape, seed):
        return self._masked(self.logits + random.gumbel(shape, seed, self.logits.dtype))

    def _masked(self, keys):
        return keys if self.mask is None else tf.where(self.mask, keys, -np.inf)

    def _log_prob(self, value):
        log_probs, valid = self.position_log_probs(value), self._valid(value)
        return tf.where(valid, tf.reduce_sum(log_probs, axis=-1), -np.inf)

    def position_log_probs(self, slate) -> tf.Tensor:
        """[..., K]: the log-probability of each position's candidate given the earlier ones.

        Args:
          slate: int32 [..., K], a possible slate.
        """
        chosen, left = self._chain(slate)
        logits = self.logits[..., tf.newaxis, :]
        chosen_logit = tf.reduce_sum(tf.where(chosen, logits, 0.0), axis=-1)
        return chosen_logit - self._log_normalizer(left)

    def position_entropies(self, slate) -> tf.Tensor:
        """[..., K]: the entropy of each position's choice given the earlier candidates of the
        slate, in nats.

        Their sum over the positions, at a slate of this distribution, is an unbiased estimate of
        the distribution's entropy (the chain rule), with far less variance than -log_prob.

        Args:
          slate: int32 [..., K], a possible slate.
        """
        _, left = self._chain(slate)
        logits, log_normalizer = self.logits[..., tf.newaxis, :], self._log_normalizer(left)
        probs = tf.where(
            left, tf.exp(tf.where(left, logits - log_normalizer[..., tf.newaxis], 0.0)), 0.0
        )
        return log_normalizer - tf.reduce_sum(tf.where(left, probs * logits, 0.0), axis=-1)

    def entropy_estimate(self, slate) -> tf.Tensor:
        """[...]: the sum of `position_entropies`, with a gradient that is unbiased too.

        The later entropies depend on the earlier candidates. So the gradient has a second part: the
        gradient of the log-probabilities of these candidates, times the entropies that follow them.

        Args:
          slate: int32 [..., K], drawn from this distribution.
        """
        entropies = self.position_entropies(slate)
        later = tf.stop_gradient(tf.cumsum(entropies, axis=-1, exclusive=True, reverse=True))
        log_probs = self.position_log_probs(slate)
        return tf.reduce_sum(entropies + later * (log_probs - tf.stop_gradient(log_probs)), axis=-1)

    def _chain(self, slate):
        """For each position, which candidate is chosen and which are left before it: both bool
        [..., K, N].
        """
        positions = tf.range(self.logits.shape[-1], dtype=slate.dtype)
        chosen = slate[..., tf.newaxis] == positions
        left = tf.cumsum(tf.cast(chosen, tf.int32), axis=-2, exclusive=True) == 0
        if self.mask is not None:
            left &= tf.convert_to_tensor(self.mask)[..., tf.newaxis, :]
        return chosen, left

    def _log_normalizer(self, left):
        return tf.reduce_logsumexp(
            tf.where(left, self.logits[..., tf.newaxis, :], -np.inf), axis=-1
        )

    def _valid(self, slate):
        chosen, left = self._chain(slate)
        return tf.reduce_all(tf.reduce_any(chosen & left, axis=-1), axis=-1)


@random.sample.register
def _(distribution: PlackettLuce, seed):
    return distribution._draw(tf.shape(distribution.logits), seed)
