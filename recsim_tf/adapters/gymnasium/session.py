"""Sessions in progress."""

import secrets
from typing import Any

import gymnasium
import numpy as np
import tensorflow as tf

from recsim_tf.adapters.gymnasium.steps import Steps
from recsim_tf.core import random
from recsim_tf.core.types import Nest


class Session:
    """What `Steps` carry from call to call.

    Args:
      steps: of the users.
      seed: an integer; None draws one.
    """

    def __init__(self, steps: Steps, seed: int | None):
        self.steps = steps
        self._seed = random.as_seed(secrets.randbits(64) if seed is None else seed)
        self._carry: list[tf.Tensor] = []

    def reset(self, seed: int | None) -> dict[str, Any]:
        """Starts new sessions; persistent candidates and the corpus stay, unless there is a
        seed.
        """
        if not self._carry or seed is not None:
            start = self._seed if seed is None else random.as_seed(seed)
            self._carry, results = self.steps.begin(start)
        else:
            self._carry, results = self.steps.begin_again(*self._carry)
        return results

    def step(self, action: Nest) -> dict[str, Any]:
        """Shows slates, or turns.

        Args:
          action: of `actions.as_arrays`, slates [B, k] with k <= K or a `Turn` of slates and
            queries; anything of that form where users have left.

        Raises:
          ValueError: for a bad action.
          gymnasium.error.ResetNeeded: before the first reset.
        """
        if not self._carry:
            raise gymnasium.error.ResetNeeded("there is no session: call reset() before step()")
        playable = tf.nest.flatten(self._playable(action))
        self._carry, results = self.steps.advance(*playable, *self._carry)
        return results

    def _playable(self, action: Nest) -> Nest:
        simulator, num_users = self.steps.simulator, self.steps.num_users
        # Most slates are as they should be. To see that in numpy is cheap; others go to the
        # simulator, which pads or refuses them.
        if (
            isinstance(slates := action, np.ndarray)
            and not simulator.validate
            and slates.dtype in (np.int32, np.int64)
            and slates.shape == (num_users, simulator.slate_size)
            and slates.min() >= -1
            and slates.max() < simulator.num_candidates
        ):
            return tf.constant(slates, tf.int32)
        return simulator.playable_action(
            self.steps.state(self._carry), action, allow_duplicates=not simulator.validate
        )
