# SPDX-License-Identifier: Apache-2.0
"""Policies ranked in a model and by a log."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.fitting.validation import validate
from recsim_tf.fitting.validation.chosen import Chosen, rank_correlation
from recsim_tf.support.verdicts import BELIEVABLE, CANNOT_TELL, NOT_BELIEVABLE, WITH_CARE
from tests.ope.worlds import CLICKS, log_of_clicks, near

POLICIES = {"even": near(0.0), "near": near(1.0), "nearer": near(2.5)}


class Turned(type(CLICKS.users)):
    """Users who like what is far from their taste."""

    def response(self, state, slate):
        distance = tf.abs(slate.documents - state[:, tf.newaxis])
        return recsim_tf.choice.MultinomialLogit(0.0)(distance, slate.mask)


def halves(log):
    """A hundred sessions to learn from, and all others."""
    return log.take(range(100)), log.take(range(100, log.num_sessions))


def answer(simulator, num_sessions=10_000, **arguments):
    logs = halves(log_of_clicks(num_sessions=num_sessions))
    arguments = {"policies": POLICIES, "logging": near(1.0), **arguments}
    return validate(simulator, *logs, questions=(Chosen(),), **arguments)["chosen"]


@pytest.mark.slow
def test_policies_that_earn_more_in_the_right_model_earn_more_on_the_log():
    found = answer(CLICKS)
    assert found.verdict.word == BELIEVABLE
    assert found.figures["best"] == ("nearer", "nearer")
    assert found.figures["correlation"] == 1
    assert "nearer, is also the best on the log" in found.verdict.reason
    assert [row["policy"] for row in found.parts()[0].rows] == list(POLICIES)


@pytest.mark.slow
def test_a_model_whose_users_like_the_opposite_ranks_policies_the_other_way_round():
    turned = recsim_tf.Simulator(Turned(), CLICKS.documents, 3, 6)
    found = answer(turned)
    assert found.verdict.word == NOT_BELIEVABLE
    assert found.figures["correlation"] == -1


@pytest.mark.slow
def test_without_propensities_a_second_fit_ranks_with_care():
    log = log_of_clicks(num_sessions=10_000)._replace(propensity=recsim_tf.logs.SlateLogProbs())
    logs, asked = halves(log), {"questions": (Chosen(),), "policies": POLICIES}
    found = validate(CLICKS, *logs, refit=lambda log, fixed: CLICKS, **asked)["chosen"]
    assert found.verdict.word == WITH_CARE
    assert "in a second fit" in found.verdict.reason
    none = validate(CLICKS, *logs, **asked)["chosen"]
    assert none.verdict.word == CANNOT_TELL
    assert "it needs the propensities" in none.verdict.reason


@pytest.mark.slow
def test_a_ranking_takes_three_policies():
    two = {name: POLICIES[name] for name in ("even", "near")}
    found = answer(CLICKS, policies=two)
    assert found.verdict.word == CANNOT_TELL
    assert "of 2 of 2 policies; a ranking takes 3" in found.verdict.reason
    assert "Not asked" in answer(CLICKS, policies=None).verdict.reason


def test_the_rank_correlation_is_kendalls_and_its_interval_knows_the_noise():
    generator = np.random.default_rng(0)
    noise = generator.standard_normal([4, 400])
    means = dict(zip("abcd", np.array([0.0, 1.0, 2.0, 3.0]), strict=True))
    sure = {name: mean + 0.1 * noise[k] for k, (name, mean) in enumerate(means.items())}
    swapped = {"a": sure["b"], "b": sure["a"], "c": sure["c"], "d": sure["d"]}
    assert rank_correlation(sure, sure, 0) == (1, (1, 1))
    assert rank_correlation(sure, swapped, 0) == (4 / 6, (4 / 6, 4 / 6))
    vague = {name: values + 300 * generator.standard_normal(400) for name, values in sure.items()}
    _, (low, high) = rank_correlation(sure, vague, 0)
    assert low < 0 < high


@pytest.mark.slow
def test_users_with_many_sessions_are_drawn_again_with_all_of_them():
    """Policies that earn the same, and 40 users who each like one of them, 25 times."""
    generator, misses, rounds = np.random.default_rng(0), {True: 0, False: 0}, 60
    first = {name: np.arange(3.0) + number for number, name in enumerate("abcd")}
    users = np.repeat(np.arange(40), 25)
    for seed in range(rounds):
        taste = generator.standard_normal([40, 4])[users] + generator.standard_normal([1000, 4])
        second = dict(zip("abcd", taste.T, strict=True))
        for knows_users in misses:
            known = users if knows_users else ()
            _, (low, _) = rank_correlation(first, second, seed, known)
            misses[knows_users] += low > 0
    # 2.5 % of 60, and 3 standard errors more.
    assert misses[True] <= 5
    assert misses[False] > misses[True]
