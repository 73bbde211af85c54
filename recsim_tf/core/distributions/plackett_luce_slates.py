# SPDX-License-Identifier: Apache-2.0
"""The Plackett-Luce distribution of ordered slates."""

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions import races
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.random.paired import Shape


class PlackettLuce(ShapedDistribution):
    """Ordered slates of K of N candidates, drawn position by position without replacement (Plackett
    1975).

    Position k takes candidate i of the candidates that are left with probability exp(logits[i]) /
    sum_{j left} exp(logits[j]). Draws are by Gumbel top-K (Yellott 1977; Kool et al. 2019, arXiv
    1903.06059): the K largest of logits plus independent Gumbel noise, in order.

    Slates are int32 of event shape [K]. The batch shape is the shape of the logits without the last
    axis. Slates with a repetition, or with a position outside [0, N), have probability 0. Where a
    mask leaves less than K candidates, the rest of the slate is -1.

    Args:
      logits: float [..., N].
      slate_size: K, in [1, N].
      mask: bool [..., N] or None: False where a candidate cannot be shown.

    Raises:
      ValueError: if slate_size is out of range.
    """

    @checked
    def __init__(self, logits: tf.Tensor, slate_size: Count, mask: tf.Tensor | None = None):
        parameters = dict(locals())
        logits = tf.convert_to_tensor(logits)
        if slate_size > logits.shape[-1]:
            raise ValueError(
                f"slate_size must be in [1, number of logits={logits.shape[-1]}], got {slate_size}"
            )
        self.logits = logits
        self.slate_size = slate_size
        self.mask = mask
        super().__init__(tf.int32, parameters, batch=logits, num_inner=1)

    def _event_shape(self):
        return tf.TensorShape([self.slate_size])

    def _mode(self):
        return self._largest(self._masked(self.logits))

    def _draw(self, shape: Shape, seed: Seed):
        return self._largest(self._keys(tf.concat([shape, self.logits.shape[-1:]], axis=0), seed))

    def _largest(self, keys: tf.Tensor):
        largest = tf.math.top_k(keys, self.slate_size)
        if self.mask is None:
            return largest.indices
        return tf.where(largest.values > -np.inf, largest.indices, -1)

    def keys(self, seed: Seed) -> tf.Tensor:
        """Logits plus Gumbel noise of a seed, an integer or int32 [2]: [..., N], -inf where masked.
        The slate that `random.sample` draws with this seed holds the candidates of the K largest
        keys above -inf, in order.
        """
        return self._keys(tf.shape(self.logits), seed)

    def _keys(self, shape: Shape, seed: Seed):
        return self._masked(self.logits + random.gumbel(shape, seed, self.logits.dtype))

    def _masked(self, keys: tf.Tensor):
        return keys if self.mask is None else tf.where(self.mask, keys, -np.inf)

    def _log_prob(self, value: tf.Tensor):
        return self.prefix_log_probs(value)[..., -1]

    def prefix_log_probs(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of a slate int32 [..., K] up to each position, [..., K]."""
        log_probs, possible = self.by_position(slate)[0], self._possible(slate)
        return tf.where(possible, tf.cumsum(log_probs, axis=-1), -np.inf)

    def marginals(self) -> tf.Tensor:
        """The probability that each position shows each candidate, [..., K, N], with errors up to
        1e-8; see `races.place_probs`.
        """
        log_rates, shape = self._log_rates(), tf.shape(self.logits)
        probs = races.place_probs(tf.reshape(log_rates, [-1, log_rates.shape[-1]]), self.slate_size)
        shape = tf.concat([shape[:-1], [self.slate_size], shape[-1:]], axis=0)
        return tf.cast(tf.reshape(probs, shape), self.logits.dtype)

    def set_log_prob(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of the candidates of a slate int32 [..., K] in any order, [...], with
        errors up to 1e-8.
        """
        log_rates, (chosen, _) = self._log_rates(), self._chain(slate)
        shown = tf.reduce_any(chosen, axis=-1)
        of_slate = tf.reduce_logsumexp(
            tf.where(chosen, log_rates[..., tf.newaxis, :], -np.inf), axis=-1
        )
        is_other = ~tf.reduce_any(chosen, axis=-2)
        of_others = tf.reduce_logsumexp(tf.where(is_other, log_rates, -np.inf), axis=-1)
        log_prob = races.set_log_prob(of_slate, shown, of_others)
        possible = self._possible(slate)[..., -1]
        return tf.cast(tf.where(possible, log_prob, -np.inf), self.logits.dtype)

    def _log_rates(self) -> tf.Tensor:
        """Normalised logits, float64 [..., N], -inf where masked."""
        return tf.nn.log_softmax(tf.cast(self._masked(self.logits), tf.float64))

    def log_prob_and_entropy(self, slate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The log-probability, and an estimate of the entropy in nats, both [...].

        The estimate is the sum of the entropies of `by_position`. It is unbiased by the chain rule,
        and has far less variance than -log_prob. Its gradient is unbiased too. The later entropies
        depend on the earlier candidates, so the gradient has a second part: the gradient of the
        log-probabilities of these candidates, times the entropies that follow them.

        Args:
          slate: int32 [..., K], drawn from this distribution.
        """
        log_probs, entropies = self.by_position(slate)
        is_later = tf.constant(np.tri(slate.shape[-1], k=-1).T, entropies.dtype)
        later = tf.stop_gradient(tf.reduce_sum(entropies[..., tf.newaxis, :] * is_later, axis=-1))
        entropies += later * (log_probs - tf.stop_gradient(log_probs))
        return tf.reduce_sum(log_probs, axis=-1), tf.reduce_sum(entropies, axis=-1)

    def by_position(self, slate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The log-probability of the candidate at each position of a possible slate int32 [..., K],
        given the earlier candidates, and the entropy of that choice in nats, both [..., K].
        """
        chosen, left = self._chain(slate)
        logits = self.logits[..., tf.newaxis, :]
        possible = tf.where(left, logits, -np.inf)
        # The largest logit cancels in the result.
        highest = tf.stop_gradient(tf.reduce_max(possible, axis=-1, keepdims=True))
        # It is zero for candidates that are not left, so that a masked logit may be -inf.
        relative = tf.where(left, logits - highest, 0.0)
        weights = tf.where(left, tf.exp(relative), 0.0)
        total = tf.reduce_sum(weights, axis=-1)
        if self.mask is not None:
            # There is no choice where no candidate is left.
            total = tf.where(tf.reduce_any(left, axis=-1), total, 1.0)
        log_total = tf.math.log(total)
        mean = tf.reduce_sum(weights * relative, axis=-1) / total
        chosen = tf.reduce_sum(tf.where(chosen, relative, 0.0), axis=-1)
        return chosen - log_total, log_total - mean

    def _chain(self, slate: tf.Tensor):
        """The candidate chosen at each position and those left before it, both bool [..., K, N]."""
        length = slate.shape[-1]
        order = tf.range(length)[:, tf.newaxis]
        chosen = slate[..., tf.newaxis] == tf.range(self.logits.shape[-1], dtype=slate.dtype)
        # The first position that shows a candidate. XLA computes it, and the comparison with it, in
        # one pass each. Cumulative sums over the positions would need more arrays.
        first = tf.reduce_min(tf.where(chosen, order, length), axis=-2)
        if self.mask is not None:
            first = tf.where(self.mask, first, -1)
        return chosen, first[..., tf.newaxis, :] >= order

    def _possible(self, slate: tf.Tensor):
        """True where the slate up to each position can be shown, bool [..., K]."""
        num_candidates, length = self.logits.shape[-1], slate.shape[-1]
        inside = (slate >= 0) & (slate < num_candidates)
        earlier = np.tri(length, k=-1, dtype=bool)
        repeats = (slate[..., tf.newaxis] == slate[..., tf.newaxis, :]) & earlier
        possible = inside & ~tf.reduce_any(repeats, axis=-1)
        if self.mask is not None:
            positions = tf.range(num_candidates, dtype=slate.dtype)
            is_chosen = slate[..., tf.newaxis] == positions
            possible &= tf.reduce_any(is_chosen & self.mask[..., tf.newaxis, :], axis=-1)
            num_possible = tf.math.count_nonzero(self.mask, axis=-1, keepdims=True)
            is_over = tf.range(length, dtype=num_possible.dtype) >= num_possible
            possible = tf.where(is_over, slate == -1, possible)
        return tf.reduce_all(possible[..., tf.newaxis, :] | ~np.tri(length, dtype=bool), axis=-1)
