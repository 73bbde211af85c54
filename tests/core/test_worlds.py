# SPDX-License-Identifier: Apache-2.0
"""Corpora that the users of a world share."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.gradients import score_function_return
from recsim_tf.policies.plackett_luce import PlackettLucePolicy
from tests.refusals import assert_refused
from tests.rollout_policies import uniform_random
from tests.worlds.shared import NUM_ITEMS, Crowd, Item, Popular
from tests.worlds.shared import shared as simulator

NUM_WORLDS, NUM_USERS, NUM_STEPS = 2, 4, 6


def rollout(simulator, num_users=NUM_WORLDS * NUM_USERS, seed=1, jit_compile=False, **arguments):
    policy = uniform_random(simulator.slate_size)
    return compiled(
        lambda seed: simulator.rollout(policy, num_users, NUM_STEPS, seed, **arguments),
        jit_compile=jit_compile,
    )(seed if tf.is_tensor(seed) else random.as_seed(seed))


@pytest.fixture(scope="module")
def trajectory():
    return rollout(simulator())


def test_a_corpus_follows_the_clicks_of_those_who_are_there():
    shared = simulator()
    trajectory = rollout(shared, jit_compile=True)
    states = shared.replay(trajectory)
    active = trajectory.transitions.active.numpy()
    # Some leave, and one world is left before the other.
    assert 0 < active[1:].mean() < 1
    corpus = trajectory.initial.corpus.numpy()
    for step, transition in enumerate(zip(*trajectory.transitions[:2], strict=False)):
        np.testing.assert_allclose(states.corpus[step], corpus, rtol=1e-12)
        slate = transition[0].numpy()
        clicked = (
            trajectory.transitions.response.clicked[step].numpy() * active[step][:, np.newaxis]
        )
        noise = trajectory.transitions.draws.corpus[step].numpy()
        for world in range(NUM_WORLDS):
            rows = range(world * NUM_USERS, (world + 1) * NUM_USERS)
            if not active[step, rows].any():
                continue
            clicks = np.zeros(NUM_ITEMS)
            items = states.candidates[step, world].numpy()
            for row in rows:
                np.add.at(clicks, items[slate[row]], clicked[row])
            corpus[world] = 0.5 * corpus[world] + clicks + 0.1 * noise[world]


def test_the_documents_part_of_log_prob_is_that_of_each_world_once(trajectory):
    shared = simulator()
    states, draws = shared.replay(trajectory), trajectory.transitions.draws
    longer = shared.replay(_longer(trajectory)).corpus
    in_session = trajectory.transitions.active.numpy().reshape(NUM_STEPS, NUM_WORLDS, -1).any(2)
    expected = np.zeros(NUM_WORLDS)

    def of_candidates(corpus, items):
        weights = (1 + corpus) ** 1.5
        return np.log(weights[items] / weights.sum()).sum()

    for world in range(NUM_WORLDS):
        corpus = trajectory.initial.corpus[world].numpy()
        expected[world] += -corpus.sum()
        expected[world] += of_candidates(corpus, trajectory.initial.candidates[world].numpy())
        for step in np.flatnonzero(in_session[:, world]):
            now = states.corpus[step, world].numpy()
            clicks = now[states.candidates[step, world].numpy()]
            error = draws.hidden[step, world].numpy() - clicks
            expected[world] += np.sum(-(error**2) / 2 - np.log(2 * np.pi) / 2)
            expected[world] += -draws.corpus[step, world].numpy().sum()
            following = longer[step + 1, world].numpy()
            expected[world] += of_candidates(following, draws.candidates[step, world].numpy())
    found = shared.log_prob(trajectory).documents.numpy().reshape(NUM_WORLDS, NUM_USERS)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-10)
    np.testing.assert_array_equal(found[:, 1:], 0)


def _longer(trajectory):
    """One step more, so that its state after the last step is replayed too."""
    transitions = tf.nest.map_structure(
        lambda leaf: tf.concat([leaf, leaf[-1:]], axis=0), trajectory.transitions
    )
    return trajectory._replace(transitions=transitions)


@pytest.mark.slow
def test_log_prob_has_the_gradient_of_finite_differences_in_a_parameter_of_the_corpus(
    trajectory,
):
    gamma = tf.Variable(1.5, dtype=tf.float64)
    total = compiled(lambda gamma: tf.reduce_sum(simulator(gamma).log_prob(trajectory).total))
    with tf.GradientTape() as tape:
        value = total(gamma)
    difference = (
        total(tf.constant(1.501, tf.float64)) - total(tf.constant(1.499, tf.float64))
    ) / 2e-3
    assert value < 0
    np.testing.assert_allclose(tape.gradient(value, gamma), difference, rtol=1e-5)


def test_the_scores_by_field_sum_up_to_those_of_worlds(trajectory):
    shared = simulator()
    scores = shared.log_prob_by_field(trajectory)
    np.testing.assert_allclose(sum(scores.values()), shared.log_prob(trajectory).total)
    assert {"initial.corpus", "candidates", "hidden", "corpus"} <= set(scores)


def test_users_meet_the_documents_of_their_world():
    shared = simulator()
    state = shared.reset(NUM_WORLDS * NUM_USERS, 0)
    observed = shared.observe(state).documents
    for row in range(NUM_WORLDS * NUM_USERS):
        world = row // NUM_USERS
        np.testing.assert_array_equal(observed.item_id[row], state.candidates[world])
        np.testing.assert_array_equal(
            observed.clicks[row], tf.gather(state.corpus[world], state.candidates[world])
        )


def test_newcomers_meet_the_candidates_of_their_world():
    shared = simulator()
    state, _ = shared.step(
        shared.reset(NUM_WORLDS * NUM_USERS, 0), tf.zeros([NUM_WORLDS * NUM_USERS, 2], tf.int32), 1
    )
    replaced = shared.replace(state, tf.ones([NUM_WORLDS * NUM_USERS], tf.bool), 2)
    tf.nest.map_structure(np.testing.assert_array_equal, replaced.candidates, state.candidates)
    assert (replaced.user.numpy() != state.user.numpy()).all()
    trajectory = rollout(shared, auto_reset=True)
    assert trajectory.transitions.active.numpy().all()
    assert trajectory.transitions.terminated.numpy().any()


@pytest.mark.slow
def test_worlds_of_values_and_seeds_side_by_side_are_those_of_separate_simulations():
    gammas, num_users, num_seeds = (0.0, 2.0), NUM_WORLDS * NUM_USERS, 2
    seeds = [random.as_seed(seed) for seed in range(num_seeds)]
    by_world = tf.repeat(tf.constant(gammas, tf.float64), num_seeds * NUM_WORLDS)
    with random.paired(len(gammas), num_seeds):
        num_rows = len(gammas) * num_seeds * num_users
        together = rollout(simulator(by_world), num_rows, tf.stack(seeds))
    for value, gamma in enumerate(gammas):
        for number, seed in enumerate(seeds):
            alone = simulator(gamma).rollout(uniform_random(2), num_users, NUM_STEPS, seed)
            first = value * num_seeds + number
            of_users, of_worlds = (
                slice(first * size, (first + 1) * size) for size in (num_users, NUM_WORLDS)
            )
            np.testing.assert_array_equal(
                together.transitions.reward[:, of_users], alone.transitions.reward
            )
            np.testing.assert_array_equal(
                together.transitions.draws.candidates[:, of_worlds],
                alone.transitions.draws.candidates,
            )


class Heard(NamedTuple):
    clicked: tf.Tensor  # [B, K]
    buzz: tf.Tensor  # [B]: users of the world who met item 1 a step before


class Rumour(recsim_tf.DocumentModel):
    """Items 0 and 1, and how many users just met item 1."""

    shared = True

    def initial_state(self, draws, num_corpora):
        return tf.zeros([num_corpora])

    def candidates(self, num_corpora, num_candidates, corpus, user):
        return tfd.Independent(tfd.Deterministic(tf.tile([[0.0, 1.0]], [num_corpora, 1])), 1)

    def describe(self, draw, corpus):
        return Item(draw, tf.broadcast_to(corpus[:, tf.newaxis], draw.shape))

    def update(self, corpus, slate, response, innovation):
        return tf.reduce_sum(slate.documents.item_id, axis=[1, 2])

    def observe(self, documents):
        return documents


class Listeners(Crowd):
    def response(self, state, slate):
        return tfd.Categorical(logits=tf.zeros([*state.shape, 1]))

    def outcome(self, state, slate, draw):
        return Heard(tf.ones_like(slate.documents.clicks), slate.documents.clicks[:, 0])

    def departure(self, state):
        return tf.zeros(state.shape, tf.bool)


def test_the_score_function_sees_what_a_slate_does_to_the_others_of_a_world():
    """With probability p of item 1 each of U users expects the reward U p in the second step, so
    the derivative in the logit is U p (1 - p) = 1 at p = 1/2 and U = 4.
    """
    simulator = recsim_tf.Simulator(
        Listeners(), Rumour(), 1, 2, lambda response: response.buzz, users_per_world=4
    )
    logit, num_worlds = tf.Variable(0.0), 1000
    policy = PlackettLucePolicy.of_logits(
        lambda observation: logit * observation.documents.item_id, slate_size=1
    )
    trajectory = simulator.rollout(policy, 4 * num_worlds, 2, seed=0)
    with tf.GradientTape() as tape:
        returns = score_function_return(simulator, policy, trajectory)
        by_world = tf.reduce_mean(tf.reshape(returns, [num_worlds, 4]), axis=1)
    gradients = tape.jacobian(by_world, logit).numpy()
    standard_error = gradients.std() / np.sqrt(num_worlds)
    assert standard_error < 0.1
    np.testing.assert_allclose(gradients.mean(), 1, atol=4 * standard_error)


def test_users_must_fill_whole_worlds():
    message = r"num_users must be a multiple of users_per_world=4, .*, got 6"
    assert_refused(lambda: simulator().reset(6, 0), message)


def test_worlds_need_documents_that_are_shared():
    with pytest.raises(
        ValueError, match="users_per_world must be None, since users share no corpus of PlainVideos"
    ):
        recsim_tf.interest_evolution(
            documents=recsim_tf.environments.interest_evolution.PlainVideos(), users_per_world=2
        )


class Personal(Popular):
    """Reads the users, though they share the corpus."""

    def candidates(self, num_corpora, num_candidates, corpus, user):
        return super().candidates(num_corpora, num_candidates, corpus + user[0], user)


def test_a_shared_corpus_that_reads_users_is_refused():
    shared = recsim_tf.Simulator(Crowd(), Personal(), slate_size=2, num_candidates=5)
    message = r"^Personal.candidates: .*user must not be read where users share"
    assert_refused(lambda: recsim_tf.check(shared), message)
