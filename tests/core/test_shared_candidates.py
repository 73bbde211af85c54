# SPDX-License-Identifier: Apache-2.0
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialProportional
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    PlainVideos,
    UtilityVideos,
)
from recsim_tf.environments.interest_exploration import TopicDocuments
from tests.core.toy import ToyDocuments
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions, uniform_random

NUM_USERS, NUM_STEPS, SLATE_SIZE, NUM_CANDIDATES = 4, 6, 2, 5


def simulator(documents=None, **arguments):
    """Interest evolution in which the users leave after 2, 3, 4 and 5 steps if nobody clicks."""
    users = InterestEvolutionUsers(
        time_budget=tf.constant([2.0, 3.0, 4.0, 5.0]),
        step_penalty=1.0,
        choice_model=MultinomialProportional(no_click_mass=1e6),
    )
    documents = recsim_tf.SharedCandidates(documents or UtilityVideos())
    return recsim_tf.interest_evolution(
        slate_size=SLATE_SIZE,
        num_candidates=NUM_CANDIDATES,
        users=users,
        documents=documents,
        **arguments,
    )


def patient_simulator(**arguments):
    """Nobody leaves, and all watch something at nearly every step."""
    users = InterestEvolutionUsers(
        time_budget=1e6, choice_model=MultinomialProportional(no_click_mass=0.0)
    )
    return recsim_tf.interest_evolution(
        slate_size=SLATE_SIZE,
        num_candidates=NUM_CANDIDATES,
        users=users,
        documents=recsim_tf.SharedCandidates(UtilityVideos()),
        **arguments,
    )


def rollout(simulator, policy=None, jit_compile=False, **arguments):
    policy = policy or uniform_random(SLATE_SIZE)
    return compiled(
        lambda: simulator.rollout(policy, NUM_USERS, NUM_STEPS, 0, **arguments),
        jit_compile=jit_compile,
    )()


def assert_rows_are_equal(nest, axis):
    for leaf in tf.nest.flatten(nest):
        np.testing.assert_array_equal(
            leaf, np.broadcast_to(np.take(leaf, [0], axis=axis), leaf.shape)
        )


def specs(nest):
    return tf.nest.map_structure(tf.TensorSpec.from_tensor, nest)


class Secrets(NamedTuple):
    grade: tf.Tensor  # [B, K]
    mood: tf.Tensor  # [B, K]


class SecretiveDocuments(TopicDocuments):
    """Both the candidates and their hidden attributes are joint draws."""

    def reveal(self, documents):
        grade = tfd.Normal(documents.quality, 1.0)
        mood = tfd.Uniform(tf.zeros_like(documents.quality), 1.0)
        return tfd.JointDistributionNamed(
            Secrets(grade=tfd.Independent(grade, 1), mood=tfd.Independent(mood, 1))
        )

    def show(self, documents, hidden):
        return documents._replace(quality=hidden.grade + hidden.mood)


def test_all_users_see_one_set_and_another_one_each_step():
    trajectory = rollout(simulator(), jit_compile=True)
    drawn = trajectory.transitions.draws
    assert drawn.hidden.shape == drawn.candidates.shape == [NUM_STEPS, 1, NUM_CANDIDATES]
    assert trajectory.initial.candidates.shape == [1, NUM_CANDIDATES]
    assert len(set(drawn.hidden[:, 0, 0].numpy())) == NUM_STEPS


@pytest.mark.parametrize("documents", [PlainVideos, SecretiveDocuments])
def test_documents_of_any_kind_are_shared(documents):
    environment = (
        recsim_tf.interest_evolution if documents is PlainVideos else recsim_tf.interest_exploration
    )
    shared = environment(
        slate_size=SLATE_SIZE,
        num_candidates=NUM_CANDIDATES,
        documents=recsim_tf.SharedCandidates(documents()),
    )
    alone = environment(slate_size=SLATE_SIZE, num_candidates=NUM_CANDIDATES, documents=documents())
    observation = shared.observe(shared.reset(NUM_USERS, 0))
    assert_rows_are_equal(observation.documents, axis=0)
    assert specs(observation) == specs(alone.observe(alone.reset(NUM_USERS, 0)))
    assert shared.documents.observation_bounds() == alone.documents.observation_bounds()
    assert np.isfinite(shared.log_prob(rollout(shared)).documents).all()


@pytest.mark.parametrize("resample_documents", [True, False])
def test_two_users_who_are_shown_a_document_meet_the_same_quality(resample_documents):
    trajectory = rollout(patient_simulator(resample_documents=resample_documents))
    slate, quality = (
        trajectory.transitions.slate.numpy(),
        trajectory.transitions.response.quality.numpy(),
    )
    met: dict = {}
    for (step, user, k), position in np.ndenumerate(slate):
        met.setdefault((step if resample_documents else 0, position), set()).add(
            quality[step, user, k]
        )
    assert len(met) > 1
    assert all(len(qualities) == 1 for qualities in met.values())
    assert len(set.union(*met.values())) == len(met)


@pytest.mark.slow
def test_persistent_candidates_stay_those_of_all_users():
    persistent = simulator(resample_documents=False)
    trajectory = rollout(persistent, auto_reset=True)
    assert trajectory.initial.hidden.shape == trajectory.initial.candidates.shape == [1, 5]
    assert trajectory.transitions.draws.hidden == trajectory.transitions.draws.candidates == ()
    candidates = persistent.replay(trajectory).candidates
    tf.nest.map_structure(
        lambda leaf, first: np.testing.assert_array_equal(leaf, np.broadcast_to(first, leaf.shape)),
        candidates,
        trajectory.initial.candidates,
    )


@pytest.mark.slow
def test_the_documents_part_of_log_prob_is_that_of_one_set():
    shared = patient_simulator()
    trajectory = rollout(shared)
    log_prob = compiled(shared.log_prob, jit_compile=True)(trajectory)
    # By hand: each topic has probability 1/20, each quality is normal around its topic's mean.
    draws = trajectory.transitions.draws
    topics = np.concatenate([trajectory.initial.candidates, draws.candidates[:, 0]])
    qualities = draws.hidden[:, 0].numpy()
    mean = UtilityVideos().mean_quality().numpy()[topics[:-1]]
    expected = -np.log(20) * topics.size + np.sum(
        -np.log(0.1 * np.sqrt(2 * np.pi)) - ((qualities - mean) / 0.1) ** 2 / 2
    )
    np.testing.assert_allclose(log_prob.documents, [expected, 0, 0, 0], rtol=1e-4)
    assert np.isfinite(log_prob.total).all()


def test_users_who_have_left_freeze_while_the_others_go_on():
    shared = simulator()
    trajectory = rollout(shared)
    active = trajectory.transitions.active.numpy()
    np.testing.assert_array_equal(active.sum(axis=0), [2, 3, 4, 5])
    states = shared.replay(trajectory)
    interests, candidates = states.user.interests.numpy(), states.candidates.numpy()
    for user in range(NUM_USERS - 1):
        frozen = interests[active[:, user].sum() :, user]
        np.testing.assert_array_equal(frozen, np.broadcast_to(frozen[0], frozen.shape))
    # Those of the world change until the last user has left.
    assert [len(np.unique(candidates[:end, 0], axis=0)) for end in (5, 6)] == [5, 6]


def test_a_session_of_many_ends_when_all_have_left_with_a_return_for_each():
    """RecSim's rule for its multi-user environment."""

    def count(carry, transition):
        num_steps, returns = carry
        return num_steps + 1, returns + transition.reward

    counted = recsim_tf.Simulator(
        simulator().users,
        simulator().documents,
        SLATE_SIZE,
        NUM_CANDIDATES,
        reward_fn=lambda response: tf.ones(response.clicked.shape[0]),
    )
    carry = (tf.constant(0), tf.zeros([NUM_USERS]))
    num_steps, returns = counted.fold(first_positions(SLATE_SIZE), NUM_USERS, 100, 0, count, carry)
    assert num_steps == 5
    np.testing.assert_array_equal(returns, [2, 3, 4, 5])


def test_a_corpus_state_is_refused():
    message = "documents must have no corpus state to be shared by users, got ToyDocuments"
    assert_refused(lambda: recsim_tf.SharedCandidates(ToyDocuments()), message)


class PersonalDocuments(TopicDocuments):
    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(
            tfd.Normal(tf.tile(user.affinity[:, :1], [1, num_candidates]), 1.0), 1
        )


def test_documents_that_depend_on_users_are_refused():
    message = "documents must not depend on the users who share them, got PersonalDocuments: user"
    assert_refused(lambda: recsim_tf.SharedCandidates(PersonalDocuments()), message)


def test_worlds_have_parameters_of_their_own():
    """A value for each world, none for each user."""
    shared = simulator(UtilityVideos(quality_stddev=tf.constant([0.1, 0.2])), users_per_world=2)
    rollout(shared)
    message = r"quality_stddev must have one value, or one for each of 1 worlds, got 2"
    assert_refused(lambda: rollout(shared.replaced(users_per_world=None)), message)
