# SPDX-License-Identifier: Apache-2.0
"""Simulated sessions for the tests of fitting."""

import numpy as np
import tensorflow as tf

from recsim_tf import DocumentModel, choice
from recsim_tf.core.base.types import Trajectory
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UtilityVideos,
    interest_evolution,
)
from recsim_tf.environments.interest_exploration import (
    InterestExplorationUsers,
    interest_exploration,
)
from recsim_tf.environments.long_term_satisfaction import (
    LongTermSatisfactionUsers,
    long_term_satisfaction,
)
from recsim_tf.policies import random_policy


class Ids(DocumentModel):
    """Candidates that are their own numbers, drawn with equal probabilities."""

    num_documents: int = 5

    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(self.num_documents, num_users, num_candidates, self.dtype)

    def observe(self, documents):
        return documents


def rollout(
    simulator: Simulator,
    num_users: int = 20,
    num_steps: int = 6,
    seed: int = 0,
    size: int | None = None,
) -> Trajectory:
    """Sessions with slates of `size` random documents, by default full ones."""

    full_slates = random_policy(simulator)

    def policy(observation, policy_state, seed):
        slate, policy_state = full_slates(observation, policy_state, seed)
        shown = tf.range(simulator.slate_size) < (size or simulator.slate_size)
        return tf.where(shown, slate, -1), policy_state

    return simulator.rollout(policy, num_users, num_steps, seed)


def evolution(
    dtype=tf.float64, resample_documents=True, topic_quality_means=None, **users
) -> Simulator:
    """Interest evolution with short sessions, and with few topics where their qualities are
    given.
    """
    num_topics = len(topic_quality_means or range(20))
    arguments = {
        "num_features": num_topics,
        "time_budget": 10.0,
        "choice_model": choice.MultinomialProportional(min_normalizer=-1.25),
        **users,
    }
    model = InterestEvolutionUsers(**arguments, dtype=dtype)
    videos = UtilityVideos(num_topics, topic_quality_means=topic_quality_means, dtype=dtype)
    return interest_evolution(
        slate_size=3,
        num_candidates=5,
        users=model,
        documents=videos,
        resample_documents=resample_documents,
        dtype=dtype,
    )


def exploration(dtype=tf.float64, **users) -> Simulator:
    model = InterestExplorationUsers(dtype=dtype, **users)
    return interest_exploration(slate_size=2, num_candidates=4, users=model, dtype=dtype)


def satisfaction(dtype=tf.float64, **users) -> Simulator:
    model = LongTermSatisfactionUsers(dtype=dtype, **users)
    return long_term_satisfaction(slate_size=2, num_candidates=4, users=model, dtype=dtype)


def drifting(dtype=tf.float64) -> Simulator:
    """Drifting taste in which a choice may fail to come, with tables of their own for all that an
    item has.
    """
    factors, pull = np.random.default_rng(0).standard_normal([2, 5, 2])
    users = DriftingTasteUsers(
        2,
        gain=[0.3, 0.1],
        decay=[0.8, 0.5],
        choice_model=choice.MultinomialLogit(no_click_mass=0.5),
        dtype=dtype,
    )
    items = Catalogue(5, 2, bias=np.linspace(-1, 1, 5), factors=factors, pull=pull, dtype=dtype)
    return drifting_taste(slate_size=2, num_candidates=4, users=users, documents=items, dtype=dtype)


HAZARD = {"departure_temperature": 2.0}
