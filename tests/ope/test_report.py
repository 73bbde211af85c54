# SPDX-License-Identifier: Apache-2.0
"""Pages and sentences about policies that were judged."""

import json

import numpy as np
import pytest

from recsim_tf import logs, ope
from recsim_tf.ope import report
from recsim_tf.support.means import Mean
from tests.ope.worlds import CLICKS, log_of_clicks, near


def judged(policy, estimators=("snips", "simulated", "calibrated"), **arguments):
    return ope.evaluate(
        policy,
        log_of_clicks(),
        estimators,
        model=CLICKS,
        logging=near(1.0),
        num_simulated=2000,
        seed=1,
        **arguments,
    )


@pytest.mark.slow
def test_gains_are_paired_with_what_the_log_earned():
    log, result = log_of_clicks(), judged(near(3.0), ("snips", "calibrated"))
    for one in result.values():
        np.testing.assert_allclose(one.gain.value, one.value - result.logged.value, atol=1e-6)
    gained = result["snips"].sessions - log.earned.sum((1, 2))
    np.testing.assert_allclose(
        result["snips"].gain.interval, Mean.of(gained, is_skewed=True).interval(0.95)
    )
    # What the log's users have in common with the simulated ones does not count.
    assert np.ptp(result["calibrated"].gain.interval) < np.ptp(result["calibrated"].interval)


@pytest.mark.slow
def test_the_policy_that_logged_gains_nothing():
    result = judged(near(1.0))
    assert result["calibrated"].gain.value == 0
    assert result["snips"].gain.word == "no difference that can be seen"
    assert "no difference that can be seen" in report.sentences("it", result)[0]


@pytest.mark.slow
def test_what_is_read_first_is_believed_and_the_surest():
    result = judged(near(3.0))
    assert result.best == "snips"
    said = " ".join(report.sentences("sharp", result, ope.truth(CLICKS, near(3.0), 1, 20_000, 5)))
    for words in (
        "sharp would earn",
        "So it earns no difference that can be seen",
        "By a model the gain is between",
        "inside the interval",
    ):
        assert words in said
    faulty = ope.Result(
        (name, one._replace(verdict=ope.Verdict("not believable", "a fault")))
        for name, one in result.items()
    )
    assert faulty.best is None
    faulty.logged, faulty.level = result.logged, result.level
    assert "No estimate for sharp is to be believed" in report.sentences("sharp", faulty)[0]


@pytest.mark.slow
def test_a_page_has_an_answer_for_each_policy(tmp_path):
    results = {"sharp": judged(near(3.0)), "certain": judged(near(40.0))}
    truths = {"sharp": ope.truth(CLICKS, near(3.0), 1, 5000)}
    ope.write_report(tmp_path / "page.html", results, "Two policies", truths)
    html = (tmp_path / "page.html").read_text()
    assert "<h1>Two policies</h1>" in html
    for word in ("sharp: what would it earn?", "certain: what would it earn?", "k-hat", "rollouts"):
        assert word in html
    assert html.count("<img") == 4
    ope.write_report(tmp_path / "one.html", results["sharp"])
    assert "The new policy" in (tmp_path / "one.html").read_text()


@pytest.mark.slow
def test_of_many_policies_ten_are_gone_into_and_the_rest_is_said(tmp_path):
    policies = {f"sharp {60 - 5 * number}": near(60.0 - 5 * number) for number in range(11)}
    results = ope.compare(policies | {"blunt": near(0.5)}, log_of_clicks())
    gains = [results[name]["snips"].gain.value for name in results.shown]
    believed = [results[name].best is not None for name in results.shown]
    assert len(results.shown) == 10
    assert believed == sorted(believed, reverse=True)
    assert 0 < sum(believed) < 10
    assert gains[: sum(believed)] == sorted(gains[: sum(believed)], reverse=True)
    assert sorted(results.order) == sorted(results)
    text = str(results)
    assert text.splitlines()[-1] == (
        "Shown are the 10 of 12 policies that gain the most, as far as they are believed;"
        " results[name] and results.rows() have the other 2."
    )
    assert text.count("the log itself") == 10
    assert (len(results.rows(results.shown)), len(results.rows())) == (45, 66)
    ope.write_report(tmp_path / "page.html", results)
    html = (tmp_path / "page.html").read_text()
    assert html.count("what would it earn?</h2>") == 10
    for name in results:
        assert f">{name}</td>" in html
    assert results.left_out in html


@pytest.mark.slow
def test_without_propensities_there_are_no_weights_to_show():
    log = log_of_clicks()._replace(propensity=logs.SlateLogProbs())
    unknown = near(1.0).__call__
    result = ope.evaluate(
        near(3.0), log, ("calibrated",), model=CLICKS, logging=unknown, num_simulated=500
    )
    assert result.weights is None
    assert "no propensities" in report.render({"it": result}, "A page")


@pytest.mark.slow
def test_figures_have_no_rows_of_the_log():
    result = judged(near(3.0))
    figures = result.figures()
    assert set(figures["estimates"]) == set(result)
    text = json.dumps(figures, default=lambda one: one.tolist())
    assert len(text) < 3000


@pytest.mark.slow
def test_gains_and_their_intervals_are_in_per_cent_of_what_the_log_earned():
    gain = ope.results.Gain(0.02, (-0.01, 0.05))
    minus = "\N{MINUS SIGN}"
    assert gain.texts(-2.0) == ("+1.00%", f"{minus}0.500%", "+2.50%")
    assert gain.texts(0.0) == ("+0.02", f"{minus}0.01", "+0.05")
    result = judged(near(3.0))
    value, low, high = result[result.best].gain.texts(result.logged.value)
    assert f": {value}, between {low} and {high}." in report.sentences("it", result)[0]
    assert f"{low} to {high}" in [row["beyond the log"] for row in result.rows()]
    html = report.render({"it": result}, "A page")
    assert f"{low} and {high}</td>" in html


@pytest.mark.slow
def test_results_are_frames_tables_and_figures_of_a_notebook():
    results = ope.Results({"sharp": judged(near(3.0)), "blunt": judged(near(0.5))})
    frame = results.to_frame()
    assert len(frame) == 6
    first = frame[frame["read first"]].set_index("policy")
    for name, result in results.items():
        assert first.loc[name, "estimator"] == result.best
        assert first.loc[name, "gain"] == result[result.best].gain.value
    numbers = frame.select_dtypes("number")
    assert {"value", "standard error", "interval from", "effective sessions"} <= {*numbers}
    assert results["sharp"].to_frame().equals(frame[:3].drop(columns="policy"))
    html = results._repr_html_()
    for words in ("<caption>sharp", "<caption>Differences", "calibrated", results["sharp"].best):
        assert words in html
    assert "the log itself" in results["sharp"]._repr_html_()
    truth = ope.truth(CLICKS, near(3.0), 1, 500)
    assert len(ope.plot(results, {"sharp": truth}).axes) == 2
    (axes,) = ope.plot(results["sharp"], truth).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [*results["sharp"]]
