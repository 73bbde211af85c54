# SPDX-License-Identifier: Apache-2.0
"""Figures of benchmarks from inputs by which they are known."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import sections
from fits import (
    likelihood_speed,
    returns,
    shelf,
    verdicts_of_rankings,
    verdicts_of_validation,
)
from off_policy import believed, clicks, cut, one_step
from off_policy.studies import Study, StudyRow
from recipes.returns import DailyReturns, read_returns
from recipes.returns import returns as daily_returns

from recsim_tf.fitting.validation import Answer
from recsim_tf.fitting.validation.events import Events
from recsim_tf.logs.log import Log
from recsim_tf.ope.results import Estimate, Gain
from recsim_tf.support.means import Mean
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WIDE,
    WITH_CARE,
    Verdict,
)
from tests.benchmarks.runs import QUICK
from tests.real_worlds import tables

# Intervals that hold every value, and none.
EVERYTHING, ABOVE, BELOW = (-math.inf, math.inf), (math.inf, math.inf), (-math.inf, -math.inf)


def estimate(value, interval, word=BELIEVABLE, reason="", gain=EVERYTHING):
    return Estimate(value, 1.0, interval, Verdict(word, reason), Gain(0.0, gain))


# Weights of clicks.


def judged(direct, values, words, reason=""):
    """Estimates of a truth of 10, with intervals that end 2 away from them."""
    estimates = [
        estimate(value, (value - 2, value + 2), word, reason)
        for value, word in zip(values, words, strict=True)
    ]
    return clicks.Judged(10.0, np.array(direct), {"cips": estimates, "cdr": estimates})


def test_errors_of_click_weights_are_shares_of_those_of_the_model():
    believable = [BELIEVABLE] * 2
    cases = {kind: SimpleNamespace(kind=kind) for kind in ("little", "right", "wrong", "support")}
    figures = clicks._figures(
        cases,
        {
            # The model is 20 % off in both logs, and the weights 10 % in one.
            "little": judged([12.0, 8.0], [11.0, 10.0], believable),
            # Of two intervals that are believed one holds the truth.
            "right": judged([10.0] * 3, [13.0, 9.0, 0.0], [BELIEVABLE, WIDE, NOT_BELIEVABLE]),
            "wrong": judged([10.0] * 2, [10.0] * 2, believable, "the log contradicts the model"),
            "support": judged([14.0, 6.0], [12.0, 8.0], [CANNOT_TELL, WIDE]),
        },
    )
    ratio = 0.1 / np.sqrt(2) / 0.2
    names = [
        f"clicks.{name}_vs_direct{worst}" for name in clicks._NAMES for worst in ("", "_worst")
    ]
    assert figures == pytest.approx(
        {
            **dict.fromkeys(names, ratio),
            "clicks.coverage": 3 / 4,
            "clicks.coverage_worst": 1 / 2,
            "clicks.contradicted": 1.0,
            "clicks.support.cdr_vs_direct": 0.2 / 0.4,
            "clicks.support.cips_refused": 1 / 2,
            "clicks.false_alarms": 0.0,
        }
    )


# Slates of one step.


def study(rows, **readings):
    """A study of rows of estimator, bias, error and coverage."""
    size = one_step._SIZE
    of_rows = [StudyRow(name, size, bias, 0.01, *rest, 1.0) for name, bias, *rest in rows]
    return Study(of_rows, truth=1.0, logged=1.0, readings={size: readings})


def test_errors_in_one_step_are_ratios_of_estimators_of_the_same_world():
    def unbiased(world, *rows):
        usual = [(name, 0.0, 0.4, 0.95) for name in one_step._UNBIASED[world]]
        return list({row[0]: row for row in (*usual, *rows)}.values())

    cascade = ("rips", 0.0, 0.2, 0.91), ("cascade_dr", 0.0, 0.1, 0.95), ("iips", 0.3, 0.5, 0.1)
    studies = {
        "multinomial": study(unbiased("multinomial", ("set_dr", 0.0, 0.25, 0.95))),
        "cascade": study(unbiased("cascade", *cascade), position=0.2),
        "several_clicks": study(
            unbiased("several_clicks", ("rips", 0.0, 0.3, 0.95), ("cascade_dr", 0.0, 0.2, 0.95)),
            prefix=0.25,
        ),
        "independent": study(unbiased("independent", ("iips", 0.0, 0.1, 0.98))),
    }
    linear = {
        "multinomial": study([("ips", 0, 0.8, 1), ("pi", 0.015, 0.3, 1), ("pi_dr", 0, 0.2, 1)])
    }
    near = study([("snips", 0.0, 0.5, 1.0), ("snset_ips", 0.0, 0.3, 1.0)])
    assert one_step._figures(studies, linear, near) == pytest.approx(
        {
            "cascade.rips_vs_ips": 0.2 / 0.4,
            "cascade.cascade_dr_vs_rips": 0.1 / 0.2,
            "several_clicks.rips_vs_ips": 0.3 / 0.4,
            "several_clicks.cascade_dr_vs_rips": 0.2 / 0.3,
            "cascade.iips_bias": 0.3,
            "cascade.iips_contradicted": 0.8,
            "independent.iips_vs_ips": 0.1 / 0.4,
            "multinomial.pi_bias": 0.015,
            "multinomial.pi_bias_error": 0.01,
            "multinomial.set_dr_vs_ips": 0.25 / 0.4,
            "multinomial.pi_dr_vs_ips": 0.2 / 0.8,
            "near_greedy.set_vs_ips": 0.3 / 0.5,
            # That of `iips` in cascades does not count, since it is biased there.
            "coverage.least": 0.91,
            "coverage.largest": 0.98,
            "contradictions": 0.25,
        }
    )


# Logs that were cut.


def test_slates_of_plackett_and_luce_have_probabilities_that_sum_to_one():
    slates = np.array(list(itertools.permutations(range(4), 2)))
    probability = cut._probability(np.tile(np.log([1.0, 2.0, 3.0, 4.0]), (12, 1)), slates)
    assert probability.sum() == pytest.approx(1)
    # Weight 3 of 10, and then 1 of 7.
    assert probability[slates.tolist().index([2, 0])] == pytest.approx(3 / 10 * 1 / 7)


def test_errors_and_coverages_of_cut_logs_are_those_of_the_results(monkeypatch):
    """The model says a tenth too much and then a fifth too little. Of two intervals of the gain one
    holds every value, and of eight intervals of `snips` six do.
    """
    ratios = iter([1.1, 0.8] * 2)
    of_gain = iter([EVERYTHING, ABOVE, BELOW, EVERYTHING])
    of_value = iter([EVERYTHING] * 6 + [ABOVE, BELOW])

    class Result(dict):
        logged = SimpleNamespace(value=5.0)

    def compare(*_, **__):
        return {
            "old": Result(simulated=estimate(5.0 * next(ratios), EVERYTHING)),
            "new": Result(calibrated=estimate(5.0, EVERYTHING, gain=next(of_gain))),
        }

    monkeypatch.setattr(cut, "_NUM_VISITS", 1)
    monkeypatch.setattr(cut.ope, "compare", compare)
    monkeypatch.setattr(cut.ope, "evaluate", lambda *_: {"snips": estimate(1.0, next(of_value))})
    assert cut.measure(QUICK).figures == pytest.approx(
        {
            "cut.model_error": 0.15,
            "cut.gain_coverage": 1 / 2,
            "cut.candidates_error": 0.15,
            "cut.candidates_coverage": 1 / 2,
            "users.coverage": 3 / 4,
        }
    )


# Verdicts.


def test_shares_of_verdicts_are_of_the_logs_with_the_word():
    words = (BELIEVABLE, WIDE, WITH_CARE, WITH_CARE, WITH_CARE, NOT_BELIEVABLE)
    values = (EVERYTHING, ABOVE, EVERYTHING, EVERYTHING, EVERYTHING, ABOVE)
    gains = (ABOVE, ABOVE, ABOVE, EVERYTHING, ABOVE, EVERYTHING)
    figures = believed._figures(
        [
            estimate(1.0, value, word, gain=gain)
            for word, value, gain in zip(words, values, gains, strict=True)
        ],
        (1.0, 0.5),
    )
    expected = {"believed": 2 / 6, "value": 1 / 2, "gain": 0.0, "care": 3 / 6, "deserved": 2 / 3}
    assert figures == pytest.approx(expected)


def test_the_least_coverage_is_of_worlds_in_which_a_word_is_given():
    rows = {"near": (0.9, 0.95), "far": (0.1, 0.93), "refused": (0.05, 0.2)}
    figures = {}
    for world, (share, value) in rows.items():
        figures[f"ope.{world}.snips.believed"] = share
        figures[f"ope.{world}.snips.value"] = value
        figures[f"ope.{world}.value"] = 0.0
    assert believed._least(figures, "value") == 0.93


def reply(world, log, question, word, figures=None):
    answer = Answer(Verdict(word), figures, ("", Mean(0.0, 0.0)), list)
    return verdicts_of_validation.Reply(world, log, question, answer)


def test_false_alarms_are_shares_of_the_logs_whose_question_loses_its_word():
    areas = SimpleNamespace(auc=0.52), SimpleNamespace(auc=0.5)
    z_scores = {"a": {"z_score": 1.0}, "b": {"z_score": -2.5}}, {"a": {"z_score": -1.9}}
    replies = [reply("memory", 0, name, BELIEVABLE) for name in ("generalises", "order", "offers")]
    for log, word in enumerate((BELIEVABLE, NOT_BELIEVABLE, CANNOT_TELL, WITH_CARE)):
        replies.append(reply("memory", log, "predicts", word))
    for log in (0, 1):
        replies.append(reply("memory", log, "reproduces", BELIEVABLE, z_scores[log]))
        replies.append(reply("memory", log, "classifier", (WITH_CARE, WIDE)[log], areas[log]))
    figures = verdicts_of_validation._figures_of_alarms(replies)
    shares = dict.fromkeys(verdicts_of_validation._ASKED, 0.0)
    shares |= {"predicts": 1 / 2, "classifier": 1 / 2}
    expected = {f"validate.false_alarms.{name}": share for name, share in shares.items()}
    expected |= {"validate.false_alarms": 1 / 2}
    expected |= {"validate.share_of_z_within_2": 2 / 3, "validate.auc_of_true": 0.51}
    assert figures == pytest.approx(expected)


def test_a_fault_is_found_in_a_log_where_any_question_finds_it():
    replies = [
        reply("no users", 0, "predicts", WITH_CARE),
        reply("no users", 0, "reproduces", BELIEVABLE),
        reply("no users", 1, "predicts", BELIEVABLE),
        reply("no users", 1, "reproduces", NOT_BELIEVABLE),
        reply("turned", 0, "reproduces", CANNOT_TELL),
        reply("turned", 1, "reproduces", NOT_BELIEVABLE),
    ]
    assert verdicts_of_validation._figures_of_power(replies) == {
        "validate.power.no users": 1.0,
        "validate.power.turned": 0.5,
        "validate.least_power": 0.5,
        "validate.no_users_trusted": 0.5,
    }
    assert verdicts_of_validation._missed(replies) == ["turned, log 0, reproduces: cannot tell"]


def test_rankings_are_judged_by_the_words_of_right_and_of_wrong_simulators(monkeypatch):
    answers = {
        "right, one step": verdicts_of_rankings.Rankings(
            1.0, [BELIEVABLE, WITH_CARE, CANNOT_TELL, NOT_BELIEVABLE], [True, True, False], ["x"]
        ),
        "sign turned": verdicts_of_rankings.Rankings(
            -1.0, [NOT_BELIEVABLE, BELIEVABLE, BELIEVABLE, CANNOT_TELL], [True], []
        ),
    }
    monkeypatch.setattr(verdicts_of_rankings, "ranked", lambda name, settings: answers[name])
    assert verdicts_of_rankings.chosen(QUICK).figures == pytest.approx(
        {
            "chosen.coverage.right, one step": 2 / 3,
            "chosen.coverage.sign turned": 1.0,
            "chosen.coverage": 3 / 4,
            "chosen.false_alarms": 1 / 2,
            "chosen.believed_wrongly": 1 / 2,
        }
    )


def test_rank_correlations_are_of_the_pairs_that_are_in_the_same_order():
    values = {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 3.0, "c": 2.0}
    assert verdicts_of_rankings._kendall(values, "abc") == pytest.approx((2 - 1) / 3)
    assert verdicts_of_rankings._kendall(values, "bc") == -1
    assert verdicts_of_rankings._kendall(values, "ac") == 1


# Fits.


def test_the_cost_of_a_size_is_that_of_a_unit_of_the_two_largest_under_xla():
    seconds = {(True, 4, 10): 1.0, (True, 8, 10): 3.0, (True, 2, 10): 9.0, (False, 8, 10): 99.0}
    sizes = [(2, 10), (4, 10), (8, 10)]
    assert likelihood_speed._growth(seconds, sizes, 0) == pytest.approx((3 / 8) / (1 / 4))
    assert likelihood_speed._growth(seconds, sizes, 1) == pytest.approx(3.0)


@pytest.fixture(name="receipts")
def fixture_receipts(tmp_path):
    path = tmp_path / "ta_feng.parquet"
    tables.receipts().to_parquet(path)
    return read_returns(str(path))


def test_returns_by_one_hazard_have_the_nats_of_a_geometric_law(receipts):
    """Each day without a visit has the probability 1 - h, and each with one h."""
    hazard = 1 / (1 + np.exp(2.5))
    simulator, visits = daily_returns(DailyReturns), returns.Visits.of(receipts)
    of_visits = (visits.watched - visits.is_back) * np.log1p(-hazard)
    of_visits += visits.is_back * np.log(hazard)
    expected = np.bincount(visits.customer, of_visits)
    np.testing.assert_allclose(returns.nats(simulator, receipts), expected, rtol=1e-4)
    # All are predicted the same return within a week.
    ((predicted, came, error),) = returns.calibration(simulator, visits)
    followed = visits.is_back | (visits.watched >= 7)
    in_a_week = (visits.is_back & (visits.watched <= 7))[followed]
    assert predicted == pytest.approx(1 - (1 - hazard) ** 7, rel=1e-4)
    assert came == pytest.approx(in_a_week.mean())
    assert 0 < error < 0.1


def test_nats_of_a_shelf_are_of_a_purchase_and_beyond_the_static_self():
    sums = {"static": [-4.0, -6.0], "order": [-3.0, -3.0], "purchases": [2, 3]}
    means = shelf._means(sums)
    assert {name: mean.value for name, (mean, _) in means.items()} == {"static": -2, "order": -1.2}
    assert means["order"][1].value == pytest.approx((1 + 3) / 5)
    assert (means["static"][1].value, means["static"][1].standard_error) == (0, 0)


def test_probabilities_of_alternatives_are_made_to_sum_to_one():
    log = Log(np.array([2, 1], np.int32), shown=np.ones([2, 2, 3], bool))
    clicked = np.zeros([2, 2, 3], bool)
    clicked[0, 0, 2] = clicked[0, 1, 0] = clicked[1, 0, 1] = True
    events = Events.of(log._replace(documents=np.zeros([2, 2, 3], np.int32)), clicked)
    probs = np.array([0.1, 0.1, 0.2, 0.3, 0.3, 0.3, 0.0, 0.6, 0.6])
    found = shelf._of_slates(events, probs, log)
    np.testing.assert_allclose(found, np.log([[1 / 2, 1 / 3], [1 / 2, 1]]))


def test_what_is_finished_is_kept_for_an_interrupted_run(tmp_path):
    settings = sections.Settings(quick=True, root_dir=str(tmp_path / "kept"))
    made = []

    def make():
        made.append(len(made))
        return {"log": made[-1]}

    assert [sections.kept(settings, name, make)["log"] for name in ("a", "b, 1", "a")] == [0, 1, 0]
    assert sections.kept(settings._replace(seed=1), "a", make) == {"log": 2}
    assert sections.kept(settings._replace(root_dir=None), "a", make) == {"log": 3}
