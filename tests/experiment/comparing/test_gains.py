# SPDX-License-Identifier: Apache-2.0
import math
import re

import numpy as np
import pytest
from scipy import stats

from recsim_tf.experiment.comparing.comparison_report import notes, sentence
from recsim_tf.experiment.comparing.environments import Environment
from recsim_tf.experiment.comparing.finished import Returns
from recsim_tf.experiment.comparing.gains import compare, gain
from recsim_tf.support.errors import UsageError

ENVIRONMENT = Environment({"users": "InterestEvolutionUsers"}, 1)
# Each user has a level of their own, which is the same under all policies.
LEVELS = np.random.default_rng(0).normal(100.0, 20.0, size=400)
NOISE = np.random.default_rng(1).normal(0.0, 2.0, size=(3, 400))


def returns(policy, gained=0.0, run="run", seed=1, noise=0, size=1, **changes):
    values = LEVELS + gained + NOISE[noise]
    return Returns(policy, (run,), values, size, ENVIRONMENT.with_seed(seed), **changes)


def test_a_paired_gain_is_that_of_each_user():
    result = gain(returns("b", 3.0, noise=1), returns("a"))
    differences = 3.0 + NOISE[1] - NOISE[0]
    expected = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    assert result.is_paired
    assert result.is_seen
    assert result.difference.interval() == pytest.approx((expected.low, expected.high))
    assert result.percent == pytest.approx(100 * differences.mean() / (LEVELS + NOISE[0]).mean())


def test_an_independent_gain_has_the_interval_of_welch():
    first, second = returns("a"), returns("b", 3.0, seed=2, noise=1)
    second = second._replace(values=second.values[:150])
    result = gain(second, first)
    welch = stats.ttest_ind(second.values, first.values, equal_var=False)
    expected = welch.confidence_interval(0.95)
    assert not result.is_paired
    assert result.difference.interval() == pytest.approx((expected.low, expected.high))


def test_users_of_a_test_are_those_of_the_formula():
    first, second = returns("a"), returns("b", 3.0, noise=1)
    result = gain(second, first)
    # By hand: 2 (1.959964 + 0.841621)^2 variance / gain^2, with the mean of both variances.
    variance = (first.values.var(ddof=1) + second.values.var(ddof=1)) / 2
    expected = 2 * 2.801585**2 * variance / result.difference.value**2
    assert result.users == math.ceil(expected)
    assert 600 < expected < 900
    assert gain(first, second).users == result.users
    assert gain(returns("b", 0.01, noise=1), first).users is None


def test_a_test_of_so_many_users_sees_the_gain_as_often_as_it_says():
    result = gain(returns("b", 8.0, noise=1), returns("a"))
    generator = np.random.default_rng(2)
    groups = generator.choice(LEVELS, size=(2, 2000, result.users))
    groups[1] += result.difference.value
    p_values = stats.ttest_ind(*groups, axis=1).pvalue
    assert abs(np.mean(p_values < 0.05) - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 2000)


def test_users_of_one_world_count_together():
    alone, worlds = (gain(returns("b", 3.0, 1, size=n), returns("a", size=n)) for n in (1, 20))
    assert worlds.difference.value == pytest.approx(alone.difference.value)
    assert (alone.difference.degrees, worlds.difference.degrees) == (399, 19)
    single = gain(returns("b", 3.0, size=400), returns("a", size=400))
    assert not single.is_seen
    assert single.users is None


def test_the_reference_is_the_agent_of_the_first_run_or_its_first_policy_or_the_baseline():
    simulation = [returns("Random"), returns("Oracle", 9.0)]
    training = [returns("Random"), returns("SlateQ", 5.0, is_agent=True)]
    assert compare([simulation]).reference == "Random"
    assert compare([training, simulation]).reference == "SlateQ"
    assert compare([training, simulation], "Oracle").reference == "Oracle"
    with pytest.raises(
        UsageError, match=r"--baseline must be .* got 'Orakle'; did you .* Oracle\?"
    ):
        compare([simulation], "Orakle")
    with pytest.raises(UsageError, match="RUN must be two runs, or one of several policies: Rand"):
        compare([simulation[:1]])


def test_equal_policies_are_one_and_others_of_the_same_name_have_that_of_their_run():
    first = [returns("Random", run="x"), returns("SlateQ", 5.0, "x", is_agent=True)]
    second = [returns("Random", run="y"), returns("SlateQ", 6.0, "y", is_agent=True)]
    comparison = compare([first, second])
    assert list(comparison.policies) == ["SlateQ (y)", "SlateQ (x)", "Random"]
    assert comparison.reference == "SlateQ (x)"
    assert comparison.policies["Random"].runs == ("x", "y")


def test_parts_in_which_environments_differ_are_told_for_each_run():
    other = ENVIRONMENT._replace(parts={"users": "Readers"})
    policies = [returns("a", run="x"), returns("b", run="y")._replace(environment=other)]
    comparison = compare([[each] for each in policies])
    values = {"x": "InterestEvolutionUsers", "y": "Readers"}
    assert comparison.differences() == {"users": values}
    assert not comparison.gains["b"].is_paired


REFERENCE = returns("Random")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (
            [returns("Oracle", 9.0)],
            r"Oracle has the highest mean return, 9.00 more than Random \(95% interval 9.00 to 9.00"
            r", \+\d+.\d %\)\.",
        ),
        (
            [returns("Best", 9.0, noise=1), returns("Oracle", 9.0, noise=2)],
            r"\w+ has the highest mean return, \d\.\d\d more than Random \(95% interval .*, \+\d.\d"
            r" %\); no difference can be seen between it and \w+\.",
        ),
        (
            [returns("Greedy", 0.0, noise=2)],
            r"No difference can be seen between \w+ and \w+.*",
        ),
        (
            [returns("Worse", -9.0), returns("Worst", -99.0)],
            r"Random has the highest mean return, 9.00 more than Worse \(95% .*, \+\d+.\d %\)\.",
        ),
    ],
)
def test_a_sentence_says_which_is_best_as_far_as_that_can_be_seen(others, expected):
    text = sentence(compare([[REFERENCE, *others]]))
    assert re.fullmatch(expected, text), text


def test_notes_say_only_what_the_table_needs():
    paired = "\n".join(notes(compare([[REFERENCE, returns("Oracle", 9.0)]])))
    assert "paired:" in paired
    assert not any(word in paired for word in ("independent:", "training", "fitted", "itself"))
    agents = [returns(name, 9.0, seed=2, is_agent=True, is_fitted=True) for name in "ab"]
    many = "\n".join(notes(compare([[REFERENCE, *agents]], "Random")))
    assert all(word in many for word in ("independent:", "training", "fitted", "itself"))
    assert "paired:" not in many
    worlds = [returns(name, size=20) for name in "ab"]
    assert "Users share worlds" in "\n".join(notes(compare([worlds])))
    assert "Users share worlds" not in many
