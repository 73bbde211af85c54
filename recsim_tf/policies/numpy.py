# SPDX-License-Identifier: Apache-2.0
"""Policies that are written in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Observation, Seed


def numpy_policy(
    function: Callable[[Observation, np.random.Generator], Any], slate_size: int
) -> "NumpyPolicy":
    """A policy for rollouts, evaluations and `ope`, made of a function that computes with NumPy or
    with any other library that takes arrays.

        def by_quality(observation, generator):
            return np.argsort(-observation.documents[..., 0], axis=1)[:, :3]

        policy = policies.numpy_policy(by_quality, slate_size=3)

    Each step calls Python, so it is slower than a policy in TensorFlow, and XLA cannot compile it.

    Args:
      function: a function from the observation of B users, whose leaves are arrays [B, ...], and a
        generator of the step's random numbers to slates, integers [B, K]: positions among the
        candidates, -1 where a slate is short.
      slate_size: K.

    Raises:
      ValueError: if `function` is no function, or for a slate size below 1; in a rollout, for
        slates of the wrong shape or type, and for a position that is no candidate's.
    """
    return NumpyPolicy(function, slate_size)


class NumpyPolicy:
    """A policy that computes with NumPy; see `numpy_policy`."""

    @checked
    def __init__(
        self, function: Callable[[Observation, np.random.Generator], Any], slate_size: Count
    ):
        self._function, self._slate_size = function, slate_size

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[tf.Tensor, Nest]:
        shape = (nests.batch_size(observation), self._slate_size)

        def slates(seed: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
            candidates, *leaves = arrays
            seen = tf.nest.pack_sequence_as(observation, leaves)
            generator = np.random.default_rng(seed.astype(np.uint32))
            slate = np.asarray(self._function(seen, generator))
            if slate.shape != shape or slate.dtype.kind not in "iu":
                raise ValueError(
                    f"the function of numpy_policy must return integers {list(shape)}, got"
                    f" {slate.dtype} {list(slate.shape)}"
                )
            num_candidates = candidates.shape[1]
            wrong = (slate < -1) | (slate >= num_candidates)
            if wrong.any():
                raise ValueError(
                    f"the function of numpy_policy must return positions in [-1, {num_candidates})"
                    f", got {slate[wrong][0]}"
                )
            return slate.astype(np.int32)

        # An array of documents [B, N, ...] tells N.
        parts = [tf.nest.flatten(observation.documents)[0], *tf.nest.flatten(observation)]
        slate = tf.numpy_function(slates, [seed, *parts], tf.int32)
        return tf.ensure_shape(slate, shape), policy_state
