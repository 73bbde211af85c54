# SPDX-License-Identifier: Apache-2.0
"""Interest evolution: users' interests drift with the videos they watch, within a time budget."""

from recsim_tf.environments.interest_evolution.documents import PlainVideos, UtilityVideos
from recsim_tf.environments.interest_evolution.users import (
    InterestEvolutionUsers,
    UserState,
    interest_evolution,
    watch_time_reward,
)

__all__ = [
    "InterestEvolutionUsers",
    "PlainVideos",
    "UserState",
    "UtilityVideos",
    "interest_evolution",
    "watch_time_reward",
]
