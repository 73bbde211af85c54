"""A classifier of simulated and real sessions."""

import numpy as np
import pytest

from recsim_tf.fitting.validation.classifier import (
    Discrimination,
    area_of,
    discriminate,
    features,
    verdict,
)
from recsim_tf.fitting.validation.resimulation import Outcomes
from recsim_tf.support.verdicts import BELIEVABLE, CANNOT_TELL, NOT_BELIEVABLE, WITH_CARE

NUM_SESSIONS, NUM_STEPS = 1500, 10


EXPECTED = np.full([NUM_SESSIONS, NUM_STEPS, 2], 0.3)


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
        length=np.full(NUM_SESSIONS, NUM_STEPS),
        left=np.zeros(NUM_SESSIONS, bool),
        clicked=clicked.astype(np.float32),
        counted=np.ones(clicked.shape, bool),
        reward=clicked.sum(axis=2),
        amounts={},
    )


@pytest.mark.slow
def test_sessions_of_the_same_users_cannot_be_told_apart():
    found = discriminate(outcomes(0), [outcomes(1), outcomes(2), outcomes(3)], EXPECTED)
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
    found = discriminate(outcomes(0), simulated, EXPECTED)
    assert found.auc > 0.55
    assert feature in found.top_features


def test_features_are_those_of_a_session():
    clicked = np.array([[[1, 0], [0, 0], [0, 0]]], np.float32)
    sessions = Outcomes(
        length=np.array([2]),
        left=np.array([True]),
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


def test_the_area_of_a_feature_that_tells_all_is_one():
    assert area_of(np.zeros(5), np.ones(5)) == 1
    assert area_of(np.arange(5.0), np.arange(5.0)) == 0.5


@pytest.mark.slow
def test_a_log_that_is_changed_in_nothing_cannot_be_told_from_itself():
    """Sums of an array with another layout in memory differ in the last digit."""
    logged = outcomes(0)
    clicked = np.asfortranarray(logged.clicked)
    twin = logged._replace(clicked=clicked, counted=np.asfortranarray(logged.counted))
    assert discriminate(logged, [twin, twin], EXPECTED).auc == pytest.approx(0.5, abs=1e-9)


def test_few_sessions_are_told_apart_by_chance():
    def word(auc, power, chance):
        return verdict(Discrimination(auc, 0.01, chance, 0.5, power, ["clicks"])).word

    assert word(0.58, 0.9, chance=0.01) == WITH_CARE
    assert word(0.58, 0.9, chance=0.05) == CANNOT_TELL
    assert word(0.52, 0.9, chance=0.01) == BELIEVABLE
    assert word(0.52, 0.54, chance=0.01) == CANNOT_TELL
    assert word(0.9, 0.9, chance=0.01) == NOT_BELIEVABLE
