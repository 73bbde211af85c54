# SPDX-License-Identifier: Apache-2.0
"""How users take other slates than the logged ones: in the log, and in a model."""

from typing import Any, NamedTuple, Self

import numpy as np

from recsim_tf.support.means import Mean, error_of_draws


class ResponseGap(NamedTuple):
    """The gain of a policy by weights in the log, beside the same gain in sessions that a model
    simulates. Their gap is the error of the model's responses to other slates.
    """

    logged: np.ndarray  # float64 [S], gains in the log, by session
    simulated: np.ndarray  # float64 [M], gains in simulated sessions under the policy that logged
    users: Any = ()  # int [S], the users of the logged sessions, see `Estimate.users`

    @property
    def mean(self) -> Mean:
        """The gap and its error."""
        logged, simulated = mean_of(self.logged, self.users), mean_of(self.simulated)
        gap = Mean(logged.value - simulated.value, logged.standard_error)
        return gap.with_error(simulated.standard_error)

    def minus(self, other: Self) -> Self:
        """The gap of the difference to another policy that is judged from the same sessions."""
        return self._replace(
            logged=self.logged - other.logged, simulated=self.simulated - other.simulated
        )


def mean_of(sessions: np.ndarray, users: Any = (), draws: Any = ()) -> Mean:
    """The mean of sessions [S]. Its error is computed over users, see `Estimate.users`, and
    includes the error of the parameters if draws [D, b] are given.
    """
    mean = Mean.of(sessions, None if isinstance(users, tuple) else users, is_skewed=True)
    return mean.with_error(error_of_draws(draws)) if np.ndim(draws) == 2 else mean


class Bias(NamedTuple):
    """Bounds of the bias of a gain by a model."""

    low: float
    high: float
    standard_error: float = 0.0  # of the bounds

    @classmethod
    def of_gap(cls, gap: Mean) -> Self:
        """The bias of a model's responses, between 0 and the gap that the log shows."""
        return cls(min(gap.value, 0.0), max(gap.value, 0.0), gap.standard_error)

    @classmethod
    def unmeasured(cls, gain: float) -> Self:
        """The bias where the log cannot show how users take other slates: as large as the gain
        itself, in either direction. So the log alone must show that a policy earns more.
        """
        return cls(-abs(gain), abs(gain))


def widened(mean: Mean, bias: Bias, level: float) -> tuple[float, float]:
    """The interval of a gain with a bias, or of a value to which such a gain adds."""
    low, high = (
        Mean(mean.value + end, mean.standard_error).with_error(bias.standard_error).interval(level)
        for end in (bias.low, bias.high)
    )
    return low[0], high[1]
