# SPDX-License-Identifier: Apache-2.0
import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.bandits.conversational import (
    ConLinUCB,
    ConUCB,
    LinUCB,
    logarithmic_questions,
    random_arms,
)
from recsim_tf.agents.bandits.conversational.ridge_bandits import Ridge, squared_norms
from recsim_tf.conversations.key_terms import KeyTermDocuments, KeyTermUsers, key_terms
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from tests.agents.bandits.conversational import reference

NUM_USERS, NUM_ROUNDS, NUM_FEATURES, NUM_OFFERED, NUM_KEY_TERMS = 3, 25, 4, 6, 5
BANDITS = {
    LinUCB: (reference.lin_ucb, 0),
    ConUCB: (reference.con_ucb, 15),
    ConLinUCB: (reference.con_lin_ucb, 15),
}


def simulator(dtype=tf.float32, **arguments):
    sizes = {"num_candidates": NUM_OFFERED + NUM_KEY_TERMS}
    return key_terms(
        KeyTermUsers(NUM_FEATURES, NUM_ROUNDS, dtype=dtype),
        KeyTermDocuments(40, NUM_KEY_TERMS, NUM_FEATURES, NUM_OFFERED, seed=2, dtype=dtype),
        **{**sizes, **arguments},
    )


@pytest.fixture(scope="module", params=BANDITS, ids=lambda bandit: bandit.__name__)
def sessions(request):
    """A bandit, and single sessions of it in double precision, as a trajectory."""
    of = simulator(tf.float64)
    policy, num_steps = request.param(of), NUM_ROUNDS + BANDITS[request.param][1]
    run = compiled(lambda seed: of.rollout(policy, NUM_USERS, num_steps, seed))
    return request.param, of, tf.nest.map_structure(np.asarray, run(as_seed(4)))


def test_it_shows_what_the_papers_equations_score_highest(sessions):
    bandit, of, trajectory = sessions
    scores, transitions = BANDITS[bandit][0], trajectory.transitions
    features, response = of.documents.features, transitions.response
    ids = np.concatenate([trajectory.initial.candidates[None], transitions.draws.candidates])
    for user in range(NUM_USERS):
        asked = response.asked[:, user, 0] == 1
        shown = response.features[:, user, 0]
        liked = (response.clicked + response.answer)[:, user, 0]
        for step, is_question in enumerate(asked):
            past = np.arange(len(asked)) < step
            history = reference.History(
                shown[past & ~asked],
                liked[past & ~asked],
                shown[past & asked],
                liked[past & asked],
            )
            candidates = features[ids[step, user]]
            of_arms, of_key_terms = scores(
                history, candidates[:NUM_OFFERED], candidates[NUM_OFFERED:]
            )
            found = transitions.slate[step, user, 0] - NUM_OFFERED * is_question
            expected = of_key_terms if is_question else of_arms
            assert 0 <= found < len(expected)
            assert expected[found] == pytest.approx(np.max(expected), rel=1e-9)


def test_it_asks_before_the_rounds_of_its_schedule_and_no_more(sessions):
    bandit, _, trajectory = sessions
    asked = trajectory.transitions.response.asked[:, :, 0] == 1
    if bandit is LinUCB:
        assert not asked.any()
    else:
        # Five before rounds 2, 7 and 20, counted from 0.
        expected = [*range(2, 7), *range(12, 17), *range(30, 35)]
        for user in range(NUM_USERS):
            np.testing.assert_array_equal(np.flatnonzero(asked[:, user]), expected)
    assert trajectory.transitions.terminated[-1].all()


def test_the_schedules_are_those_of_the_papers():
    rounds = tf.range(3000)
    np.testing.assert_array_equal(
        logarithmic_questions(rounds), [5 * math.floor(math.log(t + 1)) for t in range(3000)]
    )


def test_graph_mode_and_xla_agree_on_what_is_learned_from_the_same_feedback():
    of = simulator()
    policy = ConUCB(of)
    observation = of.observe(of.reset(NUM_USERS, seed=0))
    generator = np.random.default_rng(0)
    shown = tf.constant(generator.normal(size=[NUM_USERS, 1, NUM_FEATURES]), tf.float32)
    asked = tf.constant([[0.0], [1.0], [1.0]])
    response = observation.response._replace(features=shown, asked=asked, answer=asked)
    # The next round has questions.
    state = policy.initial_state(NUM_USERS)
    state = state._replace(rounds=tf.constant([2, 2, 1]))

    def act():
        return policy(observation._replace(response=response), state, as_seed(0))

    for graph, xla in zip(
        *(tf.nest.flatten(compiled(act, jit_compile=jit)()) for jit in (False, True)), strict=True
    ):
        np.testing.assert_allclose(graph, xla, rtol=1e-5, atol=1e-6)


def test_a_newcomers_questions_begin_anew():
    policy = ConUCB(simulator())
    trajectory = simulator().rollout(policy, 2, NUM_ROUNDS + 15 + 3, seed=1, auto_reset=True)
    assert trajectory.transitions.terminated[-4].numpy().all()
    asked = trajectory.transitions.response.asked[:, :, 0]
    np.testing.assert_array_equal(asked[-3:], [[0, 0], [0, 0], [1, 1]])


@functools.cache
def returns_of(make):
    """Rewards [1000] of sessions."""
    policy = make(simulator())

    def add(total, transition):
        return total + transition.reward

    run = compiled(
        lambda seed: simulator().fold(policy, 1000, NUM_ROUNDS + 15, seed, add, tf.zeros([1000]))
    )
    return run(as_seed(0)).numpy()


@pytest.mark.parametrize("bandit", BANDITS)
def test_it_finds_better_arms_than_chance(bandit):
    # The same users meet both.
    gain = returns_of(bandit) - returns_of(random_arms)
    assert gain.mean() > 4 * gain.std() / np.sqrt(1000)


def test_random_arms_are_uniform_and_ask_nothing():
    of = simulator()
    observation = of.observe(of.reset(3000, seed=0))
    slate, _ = random_arms(of)(observation, (), as_seed(0))
    share = np.bincount(slate[:, 0], minlength=NUM_OFFERED) / 3000
    assert len(share) == NUM_OFFERED
    assert (np.abs(share - 1 / NUM_OFFERED) < 4 * np.sqrt(5 / 36 / 3000)).all()


def test_without_key_terms_among_the_candidates_nothing_is_asked():
    of = simulator(num_candidates=NUM_OFFERED)
    trajectory = of.rollout(ConUCB(of), 2, 5, seed=0)
    assert not np.any(trajectory.transitions.response.asked)


def test_one_observation_at_a_time_gives_the_regression_of_all():
    generator = np.random.default_rng(0)
    features = generator.normal(size=[30, NUM_USERS, NUM_FEATURES])
    targets = generator.normal(size=[30, NUM_USERS])
    weights = generator.uniform(size=[30, NUM_USERS]).round(1)
    ridge = Ridge.prior(NUM_USERS, NUM_FEATURES, 0.5, tf.float64)
    for observation in zip(features, targets, weights, strict=True):
        ridge = ridge.observe(*map(tf.constant, observation))
    for user in range(NUM_USERS):
        x, y, w = features[:, user], targets[:, user], weights[:, user]
        precision = 0.5 * np.eye(NUM_FEATURES) + x.T @ (w[:, np.newaxis] * x)
        np.testing.assert_allclose(ridge.inverse[user], np.linalg.inv(precision))
        np.testing.assert_allclose(ridge.mean()[user], np.linalg.solve(precision, x.T @ (w * y)))


def test_no_features_or_no_weight_are_no_observation():
    prior = Ridge.prior(2, 2, 2.0, tf.float32)
    features = tf.constant([[0.0, 0.0], [1.0, 3.0]])
    after = prior.observe(features, tf.ones([2]), tf.constant([1.0, 0.0]))
    for leaf, expected in zip(after, prior, strict=True):
        np.testing.assert_array_equal(leaf, expected)


def test_squared_norms_are_those_of_the_inverse_and_never_negative():
    inverse = tf.constant([[[2.0, 1.0], [1.0, 3.0]]])
    vectors = tf.constant([[[1.0, 0.0], [1.0, -1.0]]])
    np.testing.assert_allclose(squared_norms(vectors, inverse), [[2.0, 3.0]])
    np.testing.assert_array_equal(squared_norms(vectors, -inverse), [[0.0, 0.0]])
