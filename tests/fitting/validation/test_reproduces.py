# SPDX-License-Identifier: Apache-2.0
"""Verdicts of statistics of simulated sessions."""

import numpy as np
import pytest

from recsim_tf.fitting.validation.outcomes import Outcomes
from recsim_tf.fitting.validation.reproduces import off, off_by, verdict
from recsim_tf.fitting.validation.statistics import (
    Contents,
    PredictiveCheck,
    Statistic,
    statistics,
)
from recsim_tf.support.verdicts import BELIEVABLE, CANNOT_TELL, NOT_BELIEVABLE, WITH_CARE


def check(parts, errors=2.0, spread=0.01, number=20):
    """Statistics of 1 in the log, simulated with a spread; those by name are off by a part."""
    noise = np.random.default_rng(0).standard_normal(100)
    noise = spread * (noise - noise.mean()) / noise.std(ddof=1)
    names = [f"response/{k}" for k in range(number)]
    rows = {name: Statistic(1.0, 1 + noise) for name in names}
    rows |= {name: Statistic(1.0, 1 + part + noise) for name, part in parts.items()}
    return PredictiveCheck(rows, {}, 500, 100, [])


def test_a_part_is_one_of_what_was_logged():
    assert off_by(Statistic(2.0, np.full(20, 1.0))) == -0.5
    assert off_by(Statistic(2.0, np.full(20, 3.0))) == 0.5
    assert off_by(Statistic(0.0, np.full(20, 0.0))) == 0


def test_of_many_statistics_some_are_far_by_chance():
    """Of 20 one that is 2.5 standard deviations off says nothing; one that is 4 off does."""
    assert verdict(check({"clicks_per_step/mean": 0.025}, spread=0.01)).word == BELIEVABLE
    by_chance = check({"clicks_per_step/mean": 0.25}, spread=0.1)
    assert not off(by_chance)
    assert list(off(check({"clicks_per_step/mean": 0.04}))) == ["clicks_per_step/mean"]


@pytest.mark.parametrize(("part", "word"), [(0.09, BELIEVABLE), (0.2, WITH_CARE)])
def test_a_part_of_a_tenth_is_no_fault_and_one_of_a_quarter_is_a_large_one(part, word):
    assert verdict(check({"clicks_per_step/mean": part})).word == word
    assert verdict(check({"clicks_per_step/mean": -0.3})).word == NOT_BELIEVABLE


def test_what_is_off_is_named_in_the_order_in_which_one_would_mend_it():
    parts = {"session_length/mean": 0.4, "click_rate/position_0": 0.2, "clicks_per_step/mean": 0.15}
    reason = verdict(check(parts)).reason
    assert "mend the effect of positions, or the level of clicks first" in reason
    assert reason.endswith(
        "Of 23 statistics 3 are off by more than 10%: click rate: position 0 (+20.0%), clicks per"
        " step: mean (+15.0%), session length: mean (+40.0%)."
    )


def test_a_log_whose_statistics_vary_by_chance_alone_cannot_tell():
    assert verdict(check({}, spread=0.3)).word == CANNOT_TELL


def test_statistics_know_the_course_of_sessions_and_who_leaves_after_what():
    clicked = np.zeros([3, 5, 1], np.float32)
    clicked[0, 0] = clicked[1, 1] = 1
    length = np.array([5, 2, 1])
    active = np.arange(5) < length[:, np.newaxis]
    left = (np.arange(5) == length[:, np.newaxis] - 1) & np.array([[True], [True], [False]])
    outcomes = Outcomes(active, left, clicked, active[..., np.newaxis], clicked[..., 0], {})
    contents = Contents((0,), ((0, 1), (1, 3)), 5, False, (), (), False)
    found = statistics(outcomes, outcomes, contents)
    assert found["click_rate_of_steps/1_to_1"] == pytest.approx(1 / 3)
    assert found["click_rate_of_steps/2_to_3"] == pytest.approx(1 / 3)
    # Of two steps with a click one is the last of a user who leaves; of six without, one, since the
    # third session is cut; of the steps after two others without a click, one of two.
    assert found["users_who_leave_after/a_click"] == pytest.approx(1 / 2)
    assert found["users_who_leave_after/a_step_without_a_click"] == pytest.approx(1 / 6)
    assert found["users_who_leave_after/three_such_steps"] == pytest.approx(1 / 2)
    # The third session is cut: of two at risk after the first step none leaves there.
    assert found["session_length/mean"] == pytest.approx((2 + 5) / 2)


def test_simulated_steps_follow_the_logged_steps_before_them():
    clicked = np.zeros([2, 3, 1], np.float32)
    logged = Outcomes(
        np.ones([2, 3], bool), np.zeros([2, 3], bool), clicked, clicked >= 0, clicked[..., 0], {}
    )
    clicked = clicked.copy()
    clicked[0, 0] = 1
    simulated = logged._replace(clicked=clicked, left=np.array([[False, False, True]] * 2))
    contents = Contents((0,), (), 3, False, (), (), False)
    # Both users who leave have three logged steps without a click, whatever the simulated ones are.
    found = statistics(simulated, logged, contents)
    assert found["users_who_leave_after/three_such_steps"] == 1
