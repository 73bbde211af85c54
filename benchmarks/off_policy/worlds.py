# SPDX-License-Identifier: Apache-2.0
"""Users who meet one slate of 3 of 10 videos, and choose from it in four ways; policies of a
sharpness.
"""

from typing import Any

import tensorflow as tf
from off_policy.studies import StudyRow
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit, MultipleClickCascade
from recsim_tf.environments.interest_evolution import UtilityVideos
from recsim_tf.policies import PlackettLucePolicy

SLATE_SIZE, NUM_CANDIDATES = 3, 10
_NUM_TOPICS = 20


class Viewers(recsim_tf.UserModel):
    """Users with interests in [-1, 1] of 20 topics, who click by <interests, topic>."""

    choice_model: Any = MultinomialLogit(no_click_mass=1.0)
    scale: Any = 1.0  # of the interests in the logit of a click
    # What positions add to it.
    position_effect: Any = (0.0, 0.0, 0.0)

    def initial_draws(self, num_users):
        low = -tf.ones([num_users, _NUM_TOPICS], self.dtype)
        return tfd.Independent(tfd.Uniform(low, 1.0), 1)

    def response(self, state, slate):
        scores = self.scale * tf.linalg.matvec(slate.documents.features, state)
        return self.choice_model(scores + tf.constant(self.position_effect), slate.mask)

    def outcome(self, state, slate, draw):
        if isinstance(self.choice_model, MultinomialLogit):
            draw = tf.one_hot(draw, SLATE_SIZE, dtype=self.dtype)
        return recsim_tf.Clicks(draw)

    def observe(self, state):
        return state


_USERS = {
    "multinomial": {},
    "cascade": {
        "choice_model": MultipleClickCascade(1.0, 0.0),
        "scale": 3.0,
        # Else nearly every slate has its click.
        "position_effect": (-1.5, -1.5, -1.5),
    },
    "several_clicks": {"choice_model": MultipleClickCascade(1.0, 0.3), "scale": 3.0},
    "independent": {
        "choice_model": MultipleClickCascade(1.0, 1.0),
        "position_effect": (0.0, -0.5, -1.0),
    },
}
WORLDS = {
    name: recsim_tf.Simulator(Viewers(**users), UtilityVideos(), SLATE_SIZE, NUM_CANDIDATES)
    for name, users in _USERS.items()
}


def cells(setting: str, estimator: str, row: StudyRow) -> tuple[str, ...]:
    """The row of a table of studies."""
    return (
        setting,
        estimator,
        f"{100 * row.bias:+.1f} ± {100 * row.bias_error:.1f}",
        f"{100 * row.error:.1f}",
        f"{row.coverage:.2f}",
        f"{row.believed:.2f}",
    )


def affine(sharpness: float) -> PlackettLucePolicy:
    """Shows what users like, the more surely the sharper."""
    return PlackettLucePolicy.of_logits(
        lambda seen: sharpness * tf.linalg.matvec(seen.documents, seen.user), SLATE_SIZE
    )
