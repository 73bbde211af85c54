"""Fitted simulators put to five questions."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import fitting
from recsim_tf.fitting.report.validation_page import render
from recsim_tf.fitting.validation import shuffle_steps, validate
from recsim_tf.fitting.validation.baselines import Prediction
from recsim_tf.fitting.validation.discriminator import Discrimination
from recsim_tf.fitting.validation.order import Order
from recsim_tf.fitting.validation.verdicts import (
    CARE,
    DOUBT,
    TRUST,
    UNKNOWN,
    is_told,
    knows_order,
    predicts,
)
from recsim_tf.logs import simulated_log
from recsim_tf.support.means import Mean
from tests.fitting.shoppers import Shoppers
from tests.worlds.clicks import Numbers

PREDICTIONS = {
    "model": Prediction(Mean(-0.3, 0.01), Mean(0.0, 0.0)),
    "frequency": Prediction(Mean(-0.4, 0.01), Mean(0.1, 0.01)),
}
MASS = "users.choice_model.no_click_mass"


def evolution(**values):
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=6)
    return simulator.with_parameters(values)


@pytest.fixture(scope="module", name="logs")
def fixture_logs():
    return simulated_log(evolution(), num_sessions=500, num_steps=12, seed=3).split(0.5)


@pytest.fixture(scope="module", name="found")
def fixture_found(logs):
    return validate(evolution(), *logs, other=simulated_log(evolution(), 200, 12, seed=4))


def verdicts(found):
    return [each.verdict for each in found.findings]


def test_the_simulator_that_made_a_log_is_trusted(found):
    predicts, order, alike, told, foretells = verdicts(found)
    assert (predicts, alike, told, foretells) == (TRUST, TRUST, TRUST, TRUST)
    assert order == UNKNOWN
    assert found.predictions["frequency"].gain.value > 0
    assert found.discrimination.auc < 0.55
    assert abs(found.foretold.z_score) < 3


def test_a_simulator_with_too_few_clicks_is_found_out(logs):
    found = validate(evolution(**{MASS: 4.0}), *logs)
    _, _, alike, told, _ = verdicts(found)
    assert alike == DOUBT
    assert told == DOUBT
    assert found.discrimination.giveaways


def test_a_small_log_tells_nothing(logs):
    train, held_out = logs
    found = validate(evolution(), train, held_out.take(range(20)))
    assert set(verdicts(found)) == {UNKNOWN}
    assert "20 sessions" in found.findings[0].sentence


def test_sessions_that_the_fit_has_seen_are_never_trusted(logs):
    train, _ = logs
    found = validate(evolution(), train)
    assert (found.is_held_out, found.num_sessions) == (False, 125)
    assert TRUST not in verdicts(found)
    assert "The fit has seen these sessions." in found.findings[0].sentence
    assert "sessions that the fit has seen" in render(found, "Seen")


@pytest.mark.slow
def test_what_was_known_before_is_not_predicted(logs):
    train, whole = logs
    long = whole.take(np.flatnonzero(whole.length > 6))
    steps = np.arange(6, long.max_length)
    given = long.cut(np.full(long.num_sessions, 6))
    later = long._replace(
        length=long.length - 6,
        **{
            name: tf.nest.map_structure(lambda leaf: leaf[:, steps], getattr(long, name))
            for name in ("documents", "shown", "hidden", "response", "innovation")
        },
    )
    ids = range(9), range(6, 12)
    every = validate(evolution(), train, long)
    last = validate(evolution(), train, later, given=given, user_ids=ids)
    assert last.num_events == every.num_events - 6 * 3 * long.num_sessions
    assert "3 of 6 users are also in training." in last.findings[0].sentence
    # Sessions are simulated from their first step on.
    for name, each in every.alike.statistics.items():
        assert last.alike.statistics[name].observed == each.observed


@pytest.mark.slow
def test_a_segment_is_foretold_by_models_that_have_not_seen_it():
    simulator = recsim_tf.Simulator(Shoppers(), Numbers(), 3, 3)
    train, held_out = simulated_log(simulator, 600, 6).split(0.5)
    seen = []

    def refit(log, fixed):
        seen.append((np.unique(log.initial.device).tolist(), dict(fixed)))
        return simulator

    def foretold(segment):
        return validate(simulator, train, held_out, refit=refit, hold_out_segment=segment).foretold

    found = foretold({"device": 0})
    assert seen == [([1], {})]
    assert abs(found.z_score) < 3
    logged = train.response[(train.initial.device == 0)] < 3
    assert found.logged.value == pytest.approx(logged.mean() / 3)
    for segment, message in (
        ({"phone": 1}, "must name fields of the log's initial draws .*, device, eager, taste, got"),
        ({"device": 7}, "must be a part of the 300 sessions, got {'device': 7} of 0"),
    ):
        with pytest.raises(ValueError, match=f"hold_out_segment {message}"):
            foretold(segment)


def test_a_model_that_takes_clicks_for_impossible_is_not_trusted():
    assert predicts(PREDICTIONS, 0)[0] == TRUST
    verdict, sentence = predicts(PREDICTIONS, 3)
    assert verdict == DOUBT
    assert sentence.endswith("It takes the clicks of 3 steps for impossible.")


def test_few_sessions_are_told_apart_by_chance():
    def told(auc, power, chance):
        return is_told(Discrimination(auc, 0.01, chance, 0.5, power, ["clicks"]))[0]

    assert told(0.58, 0.9, chance=0.01) == CARE
    assert told(0.58, 0.9, chance=0.05) == UNKNOWN
    assert told(0.52, 0.9, chance=0.01) == TRUST
    assert told(0.52, 0.54, chance=0.01) == UNKNOWN
    assert told(0.9, 0.9, chance=0.01) == DOUBT


def test_steps_are_shuffled_within_sessions(logs):
    log, _ = logs
    log = log.cut(np.minimum(log.length, np.arange(log.num_sessions) % 12 + 1))
    shuffled = shuffle_steps(log, 1)
    assert (shuffled.length == log.length).all()
    for row in range(0, 40, 7):
        steps = slice(log.length[row])
        pairs = [
            sorted(
                zip(
                    each.documents[row, steps].tolist(),
                    each.response[row, steps].tolist(),
                    strict=True,
                )
            )
            for each in (log, shuffled)
        ]
        assert pairs[0] == pairs[1]
    assert not np.array_equal(shuffled.response, log.response)
    # Steps after the end repeat the last one.
    assert (shuffled.response[0] == shuffled.response[0, 0]).all()


def test_order_counts_where_it_is_lost_by_shuffling():
    big, small = Mean(0.1, 0.01), Mean(0.01, 0.01)
    assert knows_order(Order(big, small))[0] == TRUST
    assert knows_order(Order(big, big))[0] == CARE
    assert knows_order(Order(small, small))[0] == UNKNOWN
    assert knows_order(Order(Mean(-0.1, 0.01), small))[0] == DOUBT


def test_figures_are_json_and_the_page_has_five_sections(found):
    content = json.loads(json.dumps(found.figures()))
    assert [each["verdict"] for each in content["findings"]] == verdicts(found)
    assert content["predictions"]["boosting"]["nats"]["value"] < 0
    text = render(found, "A validation")
    for finding in found.findings:
        assert f"<h2>{finding.question}</h2>" in text
    assert str(found).count("\n") == 4


def test_wrong_arguments_are_told(logs):
    with pytest.raises(ValueError, match="refit must be given for static or hold_out_segment"):
        validate(evolution(), *logs, static={MASS: 1.0})
    with pytest.raises(ValueError, match="num_replicates must be at least 20, got 5"):
        validate(evolution(), *logs, num_replicates=5)


def test_a_validation_is_a_frame_a_table_and_a_figure_of_a_notebook(found):
    frame = found.to_frame()
    assert list(frame["verdict"]) == verdicts(found)
    assert frame.loc[0, "value"] == found.predictions["frequency"].gain.value
    assert frame.loc[3, "standard error"] == found.discrimination.standard_error
    assert np.isnan(frame.loc[1, "value"])
    assert found._repr_html_().count("<tr>") == 6
    labels = [axes.get_xlabel() for axes in fitting.plot(found).axes]
    assert labels[0] == "predicted click probability"
    assert labels[-1] == "area under the curve"
