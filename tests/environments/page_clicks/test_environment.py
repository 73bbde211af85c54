# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.random import as_seed, split_seed, uniform
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.logs import from_trajectory
from tests.rollout_policies import uniform_random

NUM_ITEMS = 5
# Scales of the truth, and of the priors of the fit.
SCALES = {
    "users.position_effect": 0.5,
    "users.feature_effect": 0.5,
    "users.affinity_effect": 1.0,
    "documents.item_effect": 0.5,
    "documents.category_effect": 0.5,
    "documents.numeric_effect": 0.5,
}


def simulator(seed: int = 0):
    generator = np.random.default_rng(seed)
    users = PageClickUsers(
        feature_probs=[[0.3, 0.7, 0.0], [0.2, 0.3, 0.5]],
        feature_effect=generator.normal(0, 0.5, [2, 3]),
        intercept=-1.5,
        position_effect=generator.normal(0, 0.5, 3),
        affinity_effect=generator.normal(),
        dtype=tf.float64,
    )
    documents = PageItems(
        NUM_ITEMS,
        item_effect=generator.normal(0, 0.5, NUM_ITEMS),
        categories=generator.integers(3, size=[NUM_ITEMS, 1]),
        category_effect=generator.normal(0, 0.5, [1, 3]),
        numeric=generator.normal(size=NUM_ITEMS),
        numeric_effect=generator.normal(0, 0.5),
        affinity_probs=[0.7, 0.2, 0.1],
        dtype=tf.float64,
    )
    return page_clicks(users=users, documents=documents, dtype=tf.float64)


def log_of(simulated, num_users: int):
    """Pages of random items, each position shown or not."""

    def policy(observation, policy_state, seed):
        slate_seed, gap_seed = split_seed(seed, 2)
        slate, policy_state = uniform_random(3)(observation, policy_state, slate_seed)
        return tf.where(uniform(slate.shape, gap_seed) < 0.8, slate, -1), policy_state

    return from_trajectory(
        compiled(lambda seed: simulated.rollout(policy, num_users, 1, seed))(as_seed(1))
    )


def test_defaults_are_pages_of_three_positions():
    simulated = recsim_tf.make("PageClicks-v0")
    observation = simulated.observe(simulated.reset(4, seed=0))
    assert (observation.user.shape, observation.user.dtype) == ([4, 4], tf.int32)
    assert observation.documents._fields == ("item_id", "categories", "numeric")
    assert observation.documents.item_id.shape == [4, 10]
    assert observation.response._fields == ("clicked", "item_id")
    _, transition = simulated.step(simulated.reset(4, seed=0), [[-1, 3, -1]] * 4, seed=1)
    assert transition.draws.response.shape == [4, 3]
    assert simulated.max_steps == 10


@pytest.mark.slow
def test_a_fit_finds_the_parameters_that_made_a_log():
    truth = simulator(seed=3)
    parameters = {"users.intercept": Parameter(0.0)}
    for name, scale in SCALES.items():
        model, attribute = name.split(".")
        start = np.zeros(np.shape(getattr(getattr(truth, model), attribute)))
        parameters[name] = Parameter(start, prior=tfd.Normal(np.float64(0), scale))
    result = fit(
        truth, parameters, log_of(truth, 2000), method=Exact(search=LBFGS(batch_size=2000))
    )
    assert result.converged
    for name, estimate in result.estimates.items():
        model, attribute = name.split(".")
        errors = (
            np.abs(estimate.value - getattr(getattr(truth, model), attribute))
            / estimate.standard_error
        )
        assert np.all(errors < 4), name
