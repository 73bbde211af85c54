# SPDX-License-Identifier: Apache-2.0
"""Policies that recommend and ask by a belief, against enumeration in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.belief import GaussianBelief
from recsim_tf.conversations import Act, query
from recsim_tf.conversations.elicitation import (
    AskAttributes,
    AskItem,
    AskMost,
    AskWhileItPays,
    CompareSet,
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)
from recsim_tf.conversations.elicitation.believing import Tracker
from recsim_tf.conversations.elicitation.turns import CandidateTurns
from recsim_tf.core import nests
from recsim_tf.core.base.types import Turn
from recsim_tf.core.random import as_seed
from tests.alike import assert_close, assert_shares
from tests.conversations import turns
from tests.conversations.elicitation.world import (
    B,
    N,
    P,
    greedy_set,
    information,
    make_world,
    repeated,
    views,
)

QUESTIONS = (CompareSet(), AskAttributes(turns.A), AskItem())


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module")
def believed(world):
    """What the belief says before each turn."""
    return views(world)


def act(world, policy, observations=None):
    """Turns of a policy along a session, one at a time."""
    observations = observations or world.observations
    state, found = policy.initial_state(nests.num_rows(observations[0].response.act)), []
    for step, observation in enumerate(observations):
        turn, state = policy(observation, state, as_seed(step))
        found.append(turn)
    return found


@pytest.mark.slow
def test_the_policy_state_is_the_belief_after_what_was_seen(world, believed):
    policy, tracker = RecommendBest(world.simulator, belief=world.belief), Tracker(world.simulator)
    assert isinstance(tracker.belief, GaussianBelief)
    state = policy.initial_state(B)
    for observation, view in zip(world.observations, believed, strict=True):
        _, state = policy(observation, state, as_seed(0))
        np.testing.assert_array_equal(world.belief.particles(state).weights, view.weights)
    prior, last = believed[0].weights, believed[-1].weights
    np.testing.assert_allclose(prior, np.full([B, P], 1 / P), rtol=1e-5)
    assert np.mean(np.abs(last - prior)) > 0.02


@pytest.mark.parametrize("kind", ["types", "Gaussian"])
def test_silence_changes_no_belief(world, kind):
    simulator = world.simulator
    belief = world.belief if kind == "types" else GaussianBelief(simulator.users, 32)
    tracker, state = Tracker(simulator, belief), simulator.reset(B, seed=0)
    prior, observation = tracker.initial_state(B), simulator.observe(state)

    def after(belief_state, act):
        turn = Turn(tf.tile([[0, 1, 2]], [B, 1]), query(act, [0], turns.C, B))
        _, transition = simulator.step(state, turn, seed=1)
        seen = simulator.users.observe_response(transition.response)
        return tracker.update(belief_state, observation._replace(response=seen))

    def leaves(belief_state):
        state, weights = belief.particles(belief_state)
        return state.taste, state.senses, weights

    before = after(prior, Act.ASK)
    pairs = zip(leaves(before), leaves(prior), strict=True)
    assert not all(np.array_equal(*pair) for pair in pairs)
    for start in (prior, before):
        for found in (tracker.update(start, observation), after(start, Act.SILENT)):
            for one, other in zip(leaves(found), leaves(start), strict=True):
                np.testing.assert_array_equal(one, other)


def test_the_best_and_the_set_of_the_belief_are_recommended(world, believed):
    best = act(world, RecommendBest(world.simulator, belief=world.belief))
    sets = act(world, RecommendSet(world.simulator, belief=world.belief))
    pairs = act(world, RecommendSet(world.simulator, 2, belief=world.belief))
    differ = False
    for step, view in enumerate(believed):
        means = np.einsum("bp,bpn->bn", view.weights, view.utilities)
        expected = np.argsort(-means, axis=1)[:, : turns.K]
        np.testing.assert_array_equal(best[step].slate, expected)
        greedy = [greedy_set(view, user, turns.K) for user in range(B)]
        np.testing.assert_array_equal(sets[step].slate, greedy)
        padded = np.concatenate([np.array(greedy)[:, :2], np.full([B, 1], -1)], axis=1)
        np.testing.assert_array_equal(pairs[step].slate, padded)
        differ |= not np.array_equal(greedy, expected)
        for turn in (best[step], sets[step], pairs[step]):
            np.testing.assert_array_equal(turn.query.act, np.full(B, Act.RECOMMEND))
            np.testing.assert_array_equal(turn.query.attributes, np.full([B, turns.C], -1))
    assert differ


@pytest.mark.slow
def test_a_question_is_asked_while_it_is_worth_its_cost(world, believed):
    asked = CandidateTurns(world.simulator, [CompareSet(), AskAttributes(turns.A)])
    questions = [asked.turns(view, as_seed(0)) for view in believed]
    values = np.array(
        [
            information(world, view, turn, "evoi")
            for view, turn in zip(believed, questions, strict=True)
        ]
    )
    cost = float(np.median(values.max(axis=2)) + 1e-6)
    policy = AskWhileItPays(world.simulator, cost=cost, belief=world.belief)
    sets = act(world, RecommendSet(world.simulator, belief=world.belief))
    for step, turn in enumerate(act(world, policy)):
        for user in range(B):
            own = tf.nest.map_structure(lambda leaf, user=user: leaf[user].numpy(), turn)
            best = values[step, user].argmax()
            source = (
                tf.nest.map_structure(lambda leaf, i=(user, best): leaf[i], questions[step])
                if values[step, user, best] >= cost
                else tf.nest.map_structure(lambda leaf, user=user: leaf[user], sets[step])
            )
            tf.nest.map_structure(np.testing.assert_array_equal, own, source)


def test_each_user_may_have_a_cost_of_their_own(world):
    costs = np.where(np.arange(B) % 2, 1e3, 0.0)
    cheap, dear, both = (
        act(
            world,
            AskWhileItPays(world.simulator, cost=cost, belief=world.belief),
            world.observations[:1],
        )
        for cost in (0.0, 1e3, costs)
    )
    for turns_of_both, *others in zip(both, dear, cheap, strict=True):
        expected = nests.where(tf.constant(costs > 0), *others)
        tf.nest.map_structure(np.testing.assert_array_equal, turns_of_both, expected)


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["evoi", "information_gain", "entropy"])
def test_the_turn_that_tells_most_is_taken(world, believed, measure):
    policy = AskMost(world.simulator, QUESTIONS, measure, belief=world.belief)
    turn, view = act(world, policy)[-1], believed[-1]
    questions = policy.candidate_turns.turns(view, as_seed(0))
    found = policy.candidate_turns.information(view, questions, measure).numpy()
    np.testing.assert_allclose(found, information(world, view, questions, measure), atol=1e-5)
    for user, best in enumerate(found.argmax(axis=1)):
        own = tf.nest.map_structure(lambda leaf, i=(user, best): leaf[i], questions)
        asked = tf.nest.map_structure(lambda leaf, user=user: leaf[user], turn)
        tf.nest.map_structure(np.testing.assert_array_equal, asked, own)


def test_questions_are_those_of_the_users_of_the_belief(world):
    fitted = world.simulator.users.replaced(attribute_names=("funny", "dark"))
    belief = GaussianBelief(fitted, 12)
    for kinds in (None, [AskAttributes(turns.A)]):
        policy = AskMost(world.simulator, kinds, belief=belief)
        assert policy.candidate_turns.labels[-1] == "ask about dark"


def test_any_turn_is_taken_with_the_same_probability(world):
    times = 2000
    policy = AskMost(world.simulator, QUESTIONS, "random", belief=world.belief)
    [turn] = act(world, policy, [repeated(world.observations[0], 0, times)])
    kind = np.where(turn.query.act == Act.COMPARE, 3, np.maximum(turn.query.attributes[:, 0], -1))
    for each in (3, 0, 1, -1):
        assert abs(np.mean(kind == each) - 1 / 4) < 4 * np.sqrt(3 / 16 / times)


def test_thompson_shows_what_is_best_with_the_probability_that_it_is(world, believed):
    times, user, view = 2000, 1, believed[2]
    observations = [repeated(each, user, times) for each in world.observations]
    turn = act(world, ThompsonSampling(world.simulator, belief=world.belief), observations)[-1]
    best = view.utilities[user].numpy().argmax(axis=1)
    probs = np.bincount(best, view.weights[user], N)
    assert np.sum(probs > 0.05) > 1
    shares = np.bincount(turn.slate[:, 0].numpy(), minlength=N) / times
    assert_shares(shares, probs, times)
    assert all(len(set(slate)) == turns.K for slate in turn.slate.numpy())


def test_who_knows_the_taste_recommends_the_best(world):
    policy = RecommendKnown(world.simulator)
    for observation in world.observations:
        turn, state = policy(observation, (), as_seed(0))
        assert state == ()
        taste, documents = observation.user.taste.numpy(), observation.documents
        utility = documents.bias + np.einsum("bnf,bf->bn", documents.factors, taste)
        np.testing.assert_array_equal(turn.slate, np.argsort(-utility, axis=1)[:, : turns.K])
        np.testing.assert_array_equal(turn.query.act, np.full(B, Act.RECOMMEND))


@pytest.mark.slow
def test_a_graph_for_any_number_of_users_acts_as_eager_mode_does(world):
    policy = AskWhileItPays(world.simulator, cost=0.01, belief=world.belief)
    knowing = RecommendKnown(world.simulator)

    def run(observation, belief_state):
        known, _ = knowing(observation, (), as_seed(0))
        return *policy(observation, belief_state, as_seed(0)), known

    state = policy.initial_state(B)
    for observation in world.observations[:2]:
        _, state, _ = run(observation, state)
    arguments = (world.observations[2], state)
    expected = run(*arguments)
    assert len(set(expected[0].query.act.numpy())) > 1
    signature = tf.nest.map_structure(
        lambda leaf: tf.TensorSpec([None, *leaf.shape[1:]], leaf.dtype), arguments
    )
    graph = tf.function(run, input_signature=signature, autograph=False)
    assert_close(graph(*arguments), expected, atol=1e-4)
    fewer = tf.nest.map_structure(lambda leaf: leaf[:2], arguments)
    turn, *_ = graph(*fewer)
    np.testing.assert_array_equal(turn.slate, expected[0].slate[:2])
