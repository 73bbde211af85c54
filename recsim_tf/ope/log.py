"""Logs from which policies are judged: what could have been shown, what was, and what it earned."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest, Turn

# Of probabilities, which are mostly float32.
_ROUNDING = 1e-5


class SlateLogProbs(NamedTuple):
    """Log-probabilities of the logged slates under a policy; () where they are not known."""

    slate: Any = ()  # [S, T], of the whole slate, in its order
    prefix: Any = ()  # [S, T, K], of the slate up to each position
    position: Any = ()  # [S, T, K], of each position's item at that position
    set: Any = ()  # [S, T], of the slate's items in any order

    @classmethod
    def of_items(cls, log_probs: np.ndarray) -> "SlateLogProbs":
        """Of slates of one item each, log-probabilities [S, T]."""
        alone = log_probs[..., np.newaxis]
        return cls(log_probs, alone, alone, log_probs)


class Log(NamedTuple):
    """S sessions of up to T steps, as NumPy arrays.

    Steps after the end of a session do not count. A field that is not known is ().
    """

    slate: np.ndarray  # int32 [S, T, K]: candidate positions, -1 where a slate is short
    # float [S, T, K], what each position earned, in units of reward; or [S, T, 1], of the whole
    reward: np.ndarray
    active: np.ndarray  # bool [S, T]: the session was going on
    logging: SlateLogProbs = SlateLogProbs()  # under the policy that showed the slates
    target: SlateLogProbs = SlateLogProbs()  # under the policy to be judged, where the log has them
    observation: Nest = ()  # nest of [S, T, ...], as `Simulator.observe` gives it
    query: Nest = ()  # nest of [S, T, ...]: what was said or asked beside the slate
    discount: Any = ()  # float [S, T], of the future after the step; () for 1

    @property
    def num_sessions(self) -> int:
        return self.active.shape[0]

    @property
    def num_steps(self) -> int:
        """T."""
        return self.active.shape[1]

    @property
    def action(self) -> Nest:
        """The slates, or turns of slates and queries."""
        return Turn(self.slate, self.query).action

    def where_active(self, values: np.ndarray) -> np.ndarray:
        """Values [S, T, ...], 0 where a session is over."""
        return np.where(
            self.active.reshape(self.active.shape + (1,) * (values.ndim - 2)), values, 0
        )

    @property
    def earned(self) -> np.ndarray:
        """float64 [S, T, J]: the rewards, 0 where a session is over."""
        return self.where_active(self.reward).astype(np.float64)

    def discounts(self, gamma: float) -> np.ndarray:
        """float64 [S, T], of the future after each step, with gamma of each step."""
        unit = np.full(self.active.shape, float(gamma))
        return unit if isinstance(self.discount, tuple) else unit * self.discount

    def first_observation(self) -> Nest:
        """What was seen before the first step of all sessions, a nest of [S, ...]."""
        return tf.nest.map_structure(
            lambda leaf: tf.convert_to_tensor(leaf[:, 0]), self.observation
        )

    def pieces(self) -> Iterable["Log"]:
        """The log itself, as its one piece."""
        return (self,)

    def take(self, rows: Any) -> "Log":
        """The sessions of these positions, or of a slice."""
        return tf.nest.map_structure(lambda leaf: leaf[rows], self)

    def check(self) -> "Log":
        """The log.

        Raises:
          ValueError: for rewards that are not finite, or that an empty position earned, and for
            probabilities that are none, by session, step and position.
        """
        shape = self.active.shape
        if self.slate.shape[:2] != shape or self.reward.shape[:2] != shape:
            raise ValueError(
                f"slate and reward must be of the sessions and steps of active, {list(shape)}, got"
                f" {list(self.slate.shape)} and {list(self.reward.shape)}"
            )
        if self.reward.shape[2] not in (1, self.slate.shape[2]):
            raise ValueError(
                f"reward must have 1 or slate_size={self.slate.shape[2]} entries a step, got"
                f" {self.reward.shape[2]}"
            )
        self._require("reward must be finite", np.isfinite(self.reward), self.reward)
        if self.reward.shape[2] > 1:
            earned = (self.slate >= 0) | (self.reward == 0)
            self._require("reward of an empty position must be 0", earned, self.reward)
        for name, log_probs in (("logging", self.logging), ("target", self.target)):
            for field, values in log_probs._asdict().items():
                if isinstance(values, tuple):
                    continue
                argument = f"{name}.{field} must be a log-probability"
                self._require(f"{argument}, at most 0", values <= _ROUNDING, values)
                if name == "logging":
                    self._require(f"{argument} of what was shown", values > -np.inf, values)
            if not isinstance(log_probs.prefix, tuple):
                falls = np.diff(log_probs.prefix, axis=2, prepend=0) <= _ROUNDING
                # -inf minus -inf is none.
                falls |= log_probs.prefix == -np.inf
                self._require(f"{name}.prefix must fall along the slate", falls, log_probs.prefix)
        return self

    def _require(self, message: str, holds: np.ndarray, values: np.ndarray) -> None:
        wrong = np.argwhere(self.where_active(~holds))
        if len(wrong):
            names = ("session", "step", "position")
            place = ", ".join(f"{name} {at}" for name, at in zip(names, wrong[0], strict=False))
            raise ValueError(f"{message}, got {values[tuple(wrong[0])]:g} at {place}")
