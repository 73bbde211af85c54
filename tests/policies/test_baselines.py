# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Slate
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    PlainVideos,
    UtilityVideos,
    interest_evolution,
)
from recsim_tf.environments.interest_exploration import UserState, interest_exploration
from recsim_tf.policies import (
    OraclePolicy,
    baseline_policy,
    greedy_pctr_policy,
    myopic_policy,
    random_policy,
)
from recsim_tf.policies.choice_scores import AffinityScores, LearnedScores
from tests.agents.slate_q import reference
from tests.alike import assert_shares
from tests.rollout_policies import uniform_slate


def test_the_myopic_policy_shows_the_likeliest_clicks_best_first():
    pure = interest_evolution(slate_size=3, num_candidates=6)
    observation = pure.observe(pure.reset(8, 0))
    slate, _ = myopic_policy(pure)(observation, (), random.as_seed(0))
    affinity = np.einsum("bnf,bf->bn", observation.documents, observation.user)
    # Documents of one topic tie, so affinities are compared.
    shown = np.take_along_axis(affinity, slate.numpy(), axis=1)
    np.testing.assert_allclose(shown, -np.sort(-affinity)[:, :3], rtol=1e-6)


def test_the_oracle_shows_the_best_slate_of_its_values():
    choice_model = choice.MultinomialProportional(no_click_mass=2.0)
    users = InterestEvolutionUsers(
        num_features=10, choice_model=choice_model, user_update_alpha=0.2
    )
    pure = interest_evolution(
        slate_size=2,
        num_candidates=5,
        users=users,
        documents=UtilityVideos(num_topics=10, video_length=3.0),
    )
    observation = pure.observe(pure.reset(20, 0))
    slate, _ = OraclePolicy(pure, reward_per_budget=1.1)(observation, (), random.as_seed(0))
    quality = np.concatenate([np.linspace(-3, 0, 7), np.linspace(0, 3, 3)])
    # A click earns its length of 3 and costs 3 of the budget, less 0.2 * 3 a unit of quality.
    topic_value = 3 - 1.1 * (3 - 0.2 * 3 * quality)
    q_items = observation.documents.numpy() @ topic_value
    weights, no_click_weight = AffinityScores(choice_model)(observation)
    values = (weights.numpy(), no_click_weight.numpy(), q_items, np.zeros(20))
    np.testing.assert_allclose(
        reference.slate_values(*values, slate.numpy()),
        reference.best_values(*values, 2),
        rtol=1e-5,
        atol=1e-6,
    )


def expected_slates(observation, affinity, slate_size):
    scores = (
        np.take_along_axis(affinity, observation.documents.cluster_id.numpy(), axis=1)
        + observation.documents.quality.numpy()
    )
    return np.argsort(-scores, axis=1)[:, :slate_size]


def test_greedy_pctr_ranks_by_mean_affinity_plus_quality():
    pure = interest_exploration(slate_size=4)
    observation = pure.observe(pure.reset(20, 0))
    slate, state = baseline_policy("greedy_pctr", pure)(observation, (), random.as_seed(0))
    assert state == ()
    # The means of the log-normals of two types of users, 0.3 and 0.7 of all.
    means = np.exp(np.array([[0.1, 0.7], [0.7, 0.1]]) + 0.1**2 / 2)
    affinity = np.tile([0.3, 0.7] @ means, (20, 1))
    np.testing.assert_array_equal(slate, expected_slates(observation, affinity, 4))


@pytest.mark.parametrize(
    "choice_model",
    [
        choice.MultinomialLogit(no_click_mass=1.0),
        choice.MultinomialProportional(min_normalizer=-1.0),
    ],
    ids=["logit", "proportional"],
)
def test_greedy_pctr_believes_what_it_is_given(choice_model):
    pure = interest_exploration()
    observation = pure.observe(pure.reset(20, 0))
    affinity = np.random.default_rng(0).uniform(0, 3, (20, 2)).astype(np.float32)
    policy = greedy_pctr_policy(
        pure, lambda observation: UserState(tf.constant(affinity)), choice_model
    )
    np.testing.assert_array_equal(
        policy(observation, (), None)[0], expected_slates(observation, affinity, 3)
    )


def test_random_slates_are_uniform_over_all_slates_without_replacement():
    num_draws = 24_000
    slates = uniform_slate(num_draws, 4, 2, random.as_seed(1))
    assert (slates.dtype, slates.shape) == (tf.int32, [num_draws, 2])
    codes, counts = np.unique(slates.numpy() @ [10, 1], return_counts=True)
    assert codes.tolist() == sorted(10 * i + j for i, j in itertools.permutations(range(4), 2))
    assert_shares(counts / num_draws, 1 / 12, num_draws)


def test_a_random_slate_may_hold_all_candidates():
    assert (np.sort(uniform_slate(50, 5, 5, random.as_seed(2))) == np.arange(5)).all()


def test_the_random_policy_is_decided_by_its_seed():
    pure = interest_evolution(slate_size=2, num_candidates=4)
    observation = pure.observe(pure.reset(8, 0))
    one, same, other = (
        random_policy(pure)(observation, (), random.as_seed(seed)) for seed in (1, 1, 2)
    )
    assert one[1] == ()
    np.testing.assert_array_equal(one[0], uniform_slate(8, 4, 2, random.as_seed(1)))
    np.testing.assert_array_equal(one[0], same[0])
    assert not np.array_equal(one[0], other[0])


SLATE = tf.constant([[4, 0, 2], [1, 5, 3], [5, 4, 3]])


def probabilities(scores, observation, slate):
    """What the scores say of a slate: [B, K + 1], the last for no click."""
    weights, no_click_weight = scores(observation)
    shown = np.take_along_axis(weights.numpy(), slate.numpy(), axis=1)
    shown = np.concatenate([shown, no_click_weight.numpy()[:, np.newaxis]], axis=1)
    return shown / shown.sum(-1, keepdims=True)


def simulated(pure, seed=1):
    """An observation of three users and their own choice probabilities from `SLATE`."""
    state = pure.reset(3, seed)
    documents = nests.take(pure.documents.describe(state.candidates, state.corpus), SLATE)
    shown = Slate(
        pure.documents.show(documents, hidden=tf.zeros(SLATE.shape)),
        mask=tf.ones(SLATE.shape, tf.bool),
    )
    return pure.observe(state), pure.users.response(state.user, shown).probs.numpy()


@pytest.mark.parametrize(
    ("choice_model", "documents"),
    [
        (None, UtilityVideos()),
        (choice.MultinomialLogit(no_click_mass=0.7), PlainVideos()),
        (choice.MultinomialProportional(no_click_mass=3.0), UtilityVideos()),
    ],
    ids=["default", "logit", "proportional"],
)
def test_affinity_scores_are_the_choice_model_of_interest_evolution(choice_model, documents):
    users = InterestEvolutionUsers(**({"choice_model": choice_model} if choice_model else {}))
    observation, expected = simulated(
        interest_evolution(num_candidates=6, users=users, documents=documents)
    )
    np.testing.assert_allclose(
        probabilities(AffinityScores(choice_model), observation, SLATE), expected, rtol=1e-5
    )
    if choice_model is not None:
        assert np.abs(probabilities(AffinityScores(), observation, SLATE) - expected).max() > 0.1


def test_learned_scores_are_the_softmax_of_the_logits_without_gradient():
    logits, no_click_logit = (
        tf.Variable(np.log(np.float32([[1, 2]]))),
        tf.Variable(np.log(np.float32([5]))),
    )
    scores = LearnedScores(lambda observation: ((logits * 1, no_click_logit * 1), ()))
    with tf.GradientTape() as tape:
        weights, no_click_weight = scores(None)
        total = tf.reduce_sum(weights[:, 0]) + tf.reduce_sum(no_click_weight)
    np.testing.assert_allclose(weights, [[1 / 8, 2 / 8]], rtol=1e-6)
    np.testing.assert_allclose(no_click_weight, [5 / 8], rtol=1e-6)
    assert tape.gradient(total, [logits, no_click_logit]) == [None, None]
