# SPDX-License-Identifier: Apache-2.0
"""A classifier of simulated and real sessions."""

import numpy as np
import pytest

from recsim_tf.fitting.validation.classifier import (
    Discrimination,
    area_of,
    discriminate,
    features,
    features_before,
    features_of_steps,
    verdict,
)
from recsim_tf.fitting.validation.dependence import seen_before
from recsim_tf.fitting.validation.outcomes import Outcomes
from recsim_tf.support.verdicts import BELIEVABLE, CANNOT_TELL, NOT_BELIEVABLE, WITH_CARE

NUM_SESSIONS, NUM_STEPS = 1500, 10


def outcomes(seed, spread=1.0, sticky=0.0, rate=-1.0):
    """Sessions of users who differ, and whose clicks may depend on those before."""
    generator = np.random.default_rng(seed)
    user = spread * generator.standard_normal([NUM_SESSIONS, 1])
    clicked = np.zeros([NUM_SESSIONS, NUM_STEPS, 2], bool)
    for step in range(NUM_STEPS):
        before = clicked[:, step - 1].any(axis=1, keepdims=True) if step else 0
        logits = rate + user + sticky * before
        clicked[:, step] = generator.random([NUM_SESSIONS, 2]) < 1 / (1 + np.exp(-logits))
    return Outcomes(
        active=np.ones([NUM_SESSIONS, NUM_STEPS], bool),
        left=np.zeros([NUM_SESSIONS, NUM_STEPS], bool),
        clicked=clicked.astype(np.float32),
        counted=np.ones(clicked.shape, bool),
        reward=clicked.sum(axis=2),
        amounts={},
    )


def told_apart(logged, simulated):
    """The skill in telling whole sessions apart."""
    return discriminate(logged, simulated, outcomes(9), is_closed_loop=True)


@pytest.mark.slow
def test_sessions_of_the_same_users_cannot_be_told_apart():
    found = told_apart(outcomes(0), [outcomes(1), outcomes(2), outcomes(3)])
    # An area has a standard error of 0.011 here, and so has that of two simulations.
    assert found.auc == pytest.approx(0.5, abs=0.035)
    assert found.auc_null == pytest.approx(0.5, abs=0.035)
    assert found.auc_power > 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"spread": 0.0}, "spread of clicks over steps"),
        ({"sticky": 1.5, "rate": -1.6}, "clicks of neighbouring steps"),
        ({"rate": -0.3}, "clicks"),
    ],
)
def test_what_a_simulator_lacks_is_found(changes, feature):
    simulated = [outcomes(1, **changes), outcomes(2, **changes)]
    found = told_apart(outcomes(0), simulated)
    assert found.auc > 0.55
    assert feature in found.top_features


def test_features_are_those_of_a_session():
    clicked = np.array([[[1, 0], [0, 0], [0, 0]]], np.float32)
    sessions = Outcomes(
        active=np.array([[True, True, False]]),
        left=np.array([[False, True, False]]),
        clicked=clicked,
        counted=np.array([[[True, True], [True, True], [False, False]]]),
        reward=clicked.sum(axis=2),
        amounts={},
    )
    popularity = np.full([1, 3, 2], 0.25)
    found = {name: value[0] for name, value in features(sessions, popularity).items()}
    assert (found["steps"], found["clicks"], found["click rate"]) == (2, 1, 0.25)
    assert (found["first response"], found["last response"]) == (1, 0)
    assert found["longest run without a click"] == 1
    # 1 - 0.5 and 0 - 0.5.
    assert found["clicks of neighbouring steps"] == pytest.approx(-0.25)
    assert found["popularity of what is clicked"] == 0.25
    assert found["mean position clicked"] == 0


def test_features_of_a_step_are_those_of_the_step_and_of_the_logged_steps_before():
    def sessions(clicked):
        clicked = np.array(clicked, np.float32)[np.newaxis, :, np.newaxis]
        active = np.ones(clicked.shape[:2], bool)
        return Outcomes(active, active & False, clicked, clicked >= 0, clicked[..., 0], {})

    popularity = np.full([1, 4, 1], 0.25)
    before = features_before(sessions([1, 0, 0, 1]), popularity)
    np.testing.assert_allclose(before["clicks before"], [[0, 1, 1 / 2, 1 / 3]])
    np.testing.assert_allclose(before["clicks of the last step"], [[0, 1, 0, 0]])
    np.testing.assert_allclose(before["steps without a click before"], [[0, 0, 1, 2]])
    # Simulated steps meet the surprises of the logged ones: 0.75, -0.25 and -0.25.
    simulated, seen = sessions([0, 1, 0, 0]), (np.zeros([1, 4, 1], bool),) * 2
    of_steps = features_of_steps(simulated, popularity, before, seen)
    np.testing.assert_allclose(
        of_steps["clicks of neighbouring steps"], [[0, 0.5625, 0.0625, 0.0625]]
    )


def test_documents_are_known_from_earlier_steps_of_their_session():
    documents = np.array([[[7, 8], [8, 7], [7, 9]], [[7, 9], [9, 8], [9, 7]]])
    clicked = np.zeros(documents.shape, np.float32)
    clicked[0, 0, 0] = clicked[1, 1, 0] = 1
    counted = np.ones(documents.shape, bool)
    counted[1, 2] = False
    active = counted.any(axis=2)
    logged = Outcomes(active, active & False, clicked, counted, clicked.sum(2), {}, documents)
    was_clicked, was_passed = seen_before(logged)
    expected = np.zeros(documents.shape, bool)
    expected[0, 1, 1] = expected[0, 2, 0] = True
    np.testing.assert_array_equal(was_clicked, expected)
    expected = np.zeros(documents.shape, bool)
    expected[0, 1, 0] = expected[1, 1, 0] = True
    np.testing.assert_array_equal(was_passed, expected)


@pytest.mark.slow
def test_steps_of_a_simulator_that_takes_users_for_equal_are_told_apart():
    logged, alike, equal = outcomes(0), outcomes(1), outcomes(2, spread=0.0)
    skill = discriminate(logged, [equal, equal], outcomes(9), is_closed_loop=False)
    assert skill.auc > 0.53
    assert "clicks like those before" in skill.top_features
    # Users of another simulation are not those of the steps before.
    assert discriminate(logged, [alike, alike], outcomes(9), is_closed_loop=False).auc > 0.53


def test_the_area_of_a_feature_that_tells_all_is_one():
    assert area_of(np.zeros(5), np.ones(5)) == 1
    assert area_of(np.arange(5.0), np.arange(5.0)) == 0.5


@pytest.mark.slow
def test_a_log_that_is_changed_in_nothing_cannot_be_told_from_itself():
    """Sums of an array with another layout in memory differ in the last digit."""
    logged = outcomes(0)
    clicked = np.asfortranarray(logged.clicked)
    twin = logged._replace(clicked=clicked, counted=np.asfortranarray(logged.counted))
    assert told_apart(logged, [twin, twin]).auc == pytest.approx(0.5, abs=1e-9)


def test_few_sessions_are_told_apart_by_chance():
    def word(auc, power, chance):
        return verdict(
            Discrimination(auc, 0.01, chance, 0.5, power, ["clicks"], "session", 1.0)
        ).word

    assert word(0.58, 0.9, chance=0.01) == WITH_CARE
    assert word(0.58, 0.9, chance=0.05) == CANNOT_TELL
    assert word(0.52, 0.9, chance=0.01) == BELIEVABLE
    assert word(0.52, 0.54, chance=0.01) == CANNOT_TELL
    assert word(0.9, 0.9, chance=0.01) == NOT_BELIEVABLE


def test_steps_are_held_to_what_whole_sessions_are_held_to():
    """The skill of nine steps adds up, in standard deviations, to three times the skill of one."""

    def word(auc):
        return verdict(Discrimination(auc, 0.01, 0.001, 0.5, 0.6, ["clicks"], "step", 9.0)).word

    assert word(0.51) == BELIEVABLE
    assert word(0.52) == WITH_CARE
    assert word(0.54) == NOT_BELIEVABLE
