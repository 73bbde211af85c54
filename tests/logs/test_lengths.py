# SPDX-License-Identifier: Apache-2.0
"""Sessions of similar lengths together."""

import numpy as np
import pytest

from recsim_tf.fitting.predictions import responses
from recsim_tf.fitting.predictions.responses import predict_responses
from recsim_tf.fitting.validation import resimulation
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.logs import from_trajectory, lengths
from recsim_tf.logs.lengths import by_length, groups_by_length
from recsim_tf.policies import random_policy
from tests.worlds.purchases import purchases


def padded(length, groups):
    return sum(len(group) * length[group].max() for group in groups)


@pytest.mark.parametrize("seed", range(5))
def test_sessions_are_divided_into_few_groups_of_similar_lengths(seed):
    length = np.random.default_rng(seed).geometric(1 / 8, 40_000)
    groups = groups_by_length(length)
    assert sorted(np.concatenate(groups)) == list(range(len(length)))
    assert len(groups) <= 8
    assert padded(length, groups) <= 1.5 * length.sum()
    # One group less would be too few.
    fewer = groups_by_length(length, len(groups) - 1)
    assert padded(length, fewer) > 1.5 * length.sum()


def test_the_groups_have_the_fewest_padded_steps():
    length = np.random.default_rng(0).integers(1, 9, 30_000) ** 3
    groups = groups_by_length(length, 3)
    edges = np.unique(length)
    best = min(
        padded(length, np.split(np.argsort(length, kind="stable"), cuts))
        for first in edges[:-2]
        for second in edges[edges > first][:-1]
        for cuts in [np.searchsorted(np.sort(length), [first, second], side="right")]
    )
    assert padded(length, groups) == best


@pytest.mark.parametrize("length", [[7] * 100_000, [1], [5, 1, 3, 9] * 100])
def test_where_nothing_is_saved_there_is_one_group(length):
    (group,) = groups_by_length(np.array(length))
    np.testing.assert_array_equal(group, range(len(length)))


@pytest.fixture(scope="module")
def log():
    simulator = purchases()
    whole = from_trajectory(simulator.rollout(random_policy(simulator), 60, 8, seed=0))
    return whole.cut((1 + np.arange(60) % 8).astype(np.int32))


@pytest.fixture
def divided(monkeypatch):
    """Logs are divided however little it saves."""
    monkeypatch.setattr(lengths, "_LEAST_SAVING", 0)
    monkeypatch.setattr(lengths, "_GOOD_RATIO", 1.05)


@pytest.mark.slow
def test_predictions_are_those_of_all_sessions_together(log, divided):
    assert len(groups_by_length(log.length)) > 2
    parts = predict_responses(purchases(), log)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(responses, "by_length", lambda log, function: function(log))
        together = predict_responses(purchases(), log)
    for name, expected in together.fields.items():
        for part, whole in zip(parts.fields[name], expected, strict=True):
            np.testing.assert_allclose(part[log.active], whole[log.active], rtol=1e-6)


@pytest.mark.slow
def test_sessions_are_simulated_again_for_their_own_steps(log, divided):
    sessions = Resimulation(purchases(), log)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(resimulation, "groups_by_length", lambda length: [np.arange(len(length))])
        together = Resimulation(purchases(), log)
    observed, expected = sessions.observed(), together.observed()
    for name in ("active", "clicked", "counted", "reward"):
        np.testing.assert_allclose(getattr(observed, name), getattr(expected, name))
    (again,), (other,) = sessions.simulated(1, 1), together.simulated(2, 1)
    np.testing.assert_array_equal(again.length, log.length)
    rates = [outcomes.clicks.sum() / log.num_steps for outcomes in (again, other)]
    assert abs(rates[0] - rates[1]) < 4 * np.sqrt(2 * max(rates) / log.num_steps)


def test_steps_that_a_group_lacks_are_zeros(log, divided):
    ones = by_length(log, lambda group: np.ones([group.num_sessions, group.max_length, 2]))
    assert ones.shape == (60, 8, 2)
    assert (ones[log.active] == 1).all()
    assert (ones[:, -1] == 0).any()
