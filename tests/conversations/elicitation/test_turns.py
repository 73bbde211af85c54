# SPDX-License-Identifier: Apache-2.0
"""The turns that a system may take next."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.conversations import Act
from recsim_tf.conversations.elicitation import (
    AskAttributes,
    AskItem,
    ComparePairs,
    CompareSet,
    Endorse,
    ShowChips,
    ShowSet,
)
from recsim_tf.conversations.elicitation.turns import CandidateTurns
from recsim_tf.core.random import as_seed
from recsim_tf.core.step import turns as core_turns
from tests.conversations import turns
from tests.conversations.elicitation.world import B, greedy_set, information, make_world, views

KINDS = {
    "show the set": (ShowSet(), Act.RECOMMEND),
    "endorse": (Endorse(), Act.ENDORSE),
    "compare the set": (CompareSet(3), Act.COMPARE),
    "compare a pair": (CompareSet(), Act.COMPARE),
    "compare pairs": (ComparePairs(4), Act.COMPARE),
    "ask with anchor": (AskAttributes(turns.A), Act.ASK),
    "ask without": (AskAttributes(turns.A, anchored=False), Act.ASK),
    "ask about an item": (AskItem(), Act.ASK),
    "chips": (ShowChips(turns.C), Act.CHIPS),
}


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module")
def believed(world):
    return views(world)[-1]


@pytest.fixture(scope="module")
def candidates(world):
    return CandidateTurns(world.simulator, [kind for kind, _ in KINDS.values()])


@pytest.fixture(scope="module")
def found(candidates, believed):
    """The turns of each kind, in NumPy."""
    all_turns = candidates.turns(believed, as_seed(0))
    end, by_name = 0, {}
    for name, (kind, _) in KINDS.items():
        begin, end = end, end + kind.num_turns
        by_name[name] = tf.nest.map_structure(
            lambda leaf, rows=slice(begin, end): leaf[:, rows].numpy(), all_turns
        )
    assert end == candidates.num_turns == len(candidates.labels)
    return by_name


def test_turns_have_the_format_of_the_environment_and_its_conditions(world, candidates, believed):
    flat = tf.nest.map_structure(
        lambda leaf: tf.reshape(leaf, [-1, *leaf.shape[2:]]),
        candidates.turns(believed, as_seed(0)),
    )
    num_turns = B * candidates.num_turns
    simulator = world.simulator
    checked = core_turns.as_turn(flat, simulator.query_spec, num_turns, simulator.slate_size)
    core_turns.check_values(simulator, checked, False)
    assert core_turns.accepted(simulator, checked).numpy().all()


def test_each_kind_has_its_act_and_its_items(believed, found):
    for name, (_, act) in KINDS.items():
        assert (found[name].query.act == act).all()
    for user in range(B):
        best = greedy_set(believed, user, 3)
        for name, slate in {
            "show the set": best,
            "endorse": best,
            "compare the set": best,
            "compare a pair": [*best[:2], -1],
            "ask about an item": [best[0], -1, -1],
            "chips": best,
        }.items():
            assert found[name].slate[user].tolist() == [slate], name
    pairs = found["compare pairs"].slate
    assert (pairs[..., 0] != pairs[..., 1]).all()
    assert (pairs[..., 2] == -1).all()
    assert len(np.unique(pairs[..., :2].reshape(-1, 2), axis=0)) > 5
    for name in set(KINDS) - {"ask with anchor", "ask without", "chips"}:
        assert (found[name].query.attributes == -1).all()


def test_questions_about_attributes_are_anchored_where_the_belief_is_in_doubt(
    world, believed, found
):
    directions = np.asarray(world.simulator.users.directions)
    taste, senses, weights = (
        each.numpy() for each in (believed.state.taste, believed.state.senses, believed.weights)
    )
    unit = taste / np.linalg.norm(taste, axis=-1, keepdims=True)
    of_sense = directions[np.arange(turns.A), senses]  # [B, P, A, F]
    ideal = np.einsum("bp,bpaf,bpf->ba", weights, of_sense, unit)
    degrees = np.einsum("af,bnf->bna", directions.mean(axis=1), believed.documents.factors)
    anchors = np.abs(degrees - ideal[:, np.newaxis]).argmin(axis=1)
    np.testing.assert_array_equal(found["ask with anchor"].slate[..., 0], anchors)
    np.testing.assert_array_equal(found["ask without"].slate, np.full([B, turns.A, 3], -1))
    for name in ("ask with anchor", "ask without"):
        attributes = found[name].query.attributes
        np.testing.assert_array_equal(attributes[..., 0], np.tile([0, 1], [B, 1]))
        assert (attributes[..., 1] == -1).all()
    chips = np.argsort(-ideal, axis=1)
    np.testing.assert_array_equal(found["chips"].query.attributes[:, 0], chips)


def test_turns_are_chosen_and_valued_by_the_users_of_the_belief(world, believed):
    users = world.simulator.users
    unsure = users.with_parameters({"answers.sharpness": 0.0}).replaced(
        directions=-np.asarray(users.directions), attribute_names=("funny", "dark")
    )
    kinds = [AskAttributes(turns.A), ShowChips(turns.C)]
    of_simulator, of_belief = (
        CandidateTurns(world.simulator, kinds, each) for each in (users, unsure)
    )
    assert of_belief.labels[:2] == ["ask about funny", "ask about dark"]
    first, second = (each.turns(believed, as_seed(0)) for each in (of_simulator, of_belief))
    chips = first.query.attributes[:, -1]
    np.testing.assert_array_equal(second.query.attributes[:, -1], chips[:, ::-1])
    gain = of_belief.information(believed, second, "information_gain")[:, : turns.A]
    np.testing.assert_allclose(gain, np.zeros([B, turns.A]), atol=1e-6)
    gain = of_simulator.information(believed, first, "information_gain")[:, : turns.A]
    assert np.min(gain) > 1e-3


@pytest.mark.slow
def test_turns_are_worth_what_they_tell_and_what_is_found_at_once(world, candidates, believed):
    all_turns = candidates.turns(believed, as_seed(0))
    expected = information(world, believed, all_turns, "evoi")
    np.testing.assert_allclose(candidates.information(believed, all_turns), expected, atol=1e-5)
    rewards = candidates.rewards(believed, all_turns).numpy()
    slates, acts = all_turns.slate.numpy(), all_turns.query.act.numpy()
    for user in range(B):
        weights, utilities = believed.weights[user].numpy(), believed.utilities[user].numpy()
        for number, slate in enumerate(slates[user]):
            best = utilities[:, slate[slate >= 0]].max(axis=1, initial=0)
            offers = acts[user, number] in (Act.RECOMMEND, Act.ENDORSE, Act.CHIPS)
            expected = weights @ np.maximum(best, 0) if offers else 0
            np.testing.assert_allclose(rewards[user, number], expected, atol=1e-5)
