# SPDX-License-Identifier: Apache-2.0
"""Fitted simulators put to seven questions."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import fitting
from recsim_tf.fitting import validation
from recsim_tf.fitting.predictions.choices import Calibration, ChoicePredictions
from recsim_tf.fitting.validation import order, shuffle_steps
from recsim_tf.fitting.validation.generalises import Generalised
from recsim_tf.fitting.validation.generalises import verdict as of_foretold
from recsim_tf.fitting.validation.order import Order
from recsim_tf.fitting.validation.order import verdict as of_order
from recsim_tf.fitting.validation.page import sections
from recsim_tf.fitting.validation.predicts import Prediction, Predictions, _gain_of_offsets
from recsim_tf.fitting.validation.predicts import verdict as of_predictions
from recsim_tf.logs import simulated_log
from recsim_tf.logs.fingerprints import sessions_in_both
from recsim_tf.logs.log import DRAWS, Log
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import page
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)
from tests.fitting.shoppers import Shoppers
from tests.worlds.clicks import Numbers

SCORES = {
    "model": Prediction(Mean(-0.3, 0.01), Mean(0.0, 0.0)),
    "frequency": Prediction(Mean(-0.4, 0.01), Mean(0.1, 0.01)),
}
# As few simulations as are allowed.
validate = functools.partial(validation.validate, num_replicates=20)
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


def words(found):
    return {name: answer.verdict.word for name, answer in found.items()}


@pytest.mark.slow
def test_the_simulator_that_made_a_log_is_believable(found):
    asked = {"predicts", "reproduces", "classifier", "offers", "generalises"}
    assert words(found) == {**dict.fromkeys(found, CANNOT_TELL), **dict.fromkeys(asked, BELIEVABLE)}
    assert found["predicts"].figures.scores["frequency"].gain.value > 0
    assert found["classifier"].figures.auc < 0.55
    assert abs(found["generalises"].figures.z_score) < 3


@pytest.mark.slow
def test_a_simulator_with_too_few_clicks_is_found_out(logs):
    found = validate(evolution(**{MASS: 4.0}), *logs)
    assert words(found)["reproduces"] == words(found)["classifier"] == NOT_BELIEVABLE
    assert found["classifier"].figures.top_features
    sentence = found["reproduces"].verdict.reason
    assert "mend the effect of positions, or the level of clicks first" in sentence
    assert ": click rate: position 0 (\N{MINUS SIGN}" in sentence


@pytest.mark.slow
def test_a_small_log_tells_nothing(logs):
    train, held_out = logs
    found = validate(evolution(), train, held_out.take(range(20)))
    assert set(words(found).values()) == {CANNOT_TELL}
    assert "20 sessions" in found["predicts"].verdict.reason


@pytest.mark.slow
def test_users_who_are_also_in_training_may_be_known_by_heart(logs):
    train, held_out = logs
    users = np.arange(250).astype(str)
    both = [log._replace(labels=log.labels._replace(user=users)) for log in (train, held_out)]
    found = validate(evolution(), *both)
    assert BELIEVABLE not in words(found).values()
    assert "250 of 250 users are also in training" in found["predicts"].verdict.reason


@pytest.mark.slow
def test_sessions_that_the_fit_has_seen_are_never_believable(logs):
    train, _ = logs
    found = validate(evolution(), train)
    assert (found.is_held_out, found.num_sessions) == (False, 125)
    assert BELIEVABLE not in words(found).values()
    assert "The fit has seen these sessions." in found["predicts"].verdict.reason
    assert "sessions that the fit has seen" in page("Seen", sections(found))


class Believed:
    """A question that is answered at once."""

    name = title = "believed"
    needs_held_out = True

    def ask(self, context):
        return validation.Answer(Verdict(BELIEVABLE, "So it is."), {}, ("", Mean(0.0, 0.0)), list)


def fewest(*arguments):
    return validate(*arguments, questions=[Believed()])["believed"].verdict


def test_a_copy_or_a_part_of_the_training_is_not_held_out(logs):
    train, held_out = logs
    refused = "held_out must be other sessions than train, or None, got sessions of train alone"
    for same in (train, train.take(np.arange(train.num_sessions)), train.take(range(60))):
        with pytest.raises(ValueError, match=refused):
            fewest(evolution(), train, same)
    parts = (train.take(range(30)), held_out.take(range(70)))
    draws = [{name: getattr(part, name) for name in DRAWS} for part in parts]
    mixed = Log(**tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *draws))
    verdict = fewest(evolution(), train, mixed)
    assert verdict == (WITH_CARE, "So it is. 30 of 100 sessions are also in training.")


def test_short_sessions_that_are_equal_by_chance_are_no_copies():
    def sessions(seed, num_steps):
        response = np.random.default_rng(seed).integers(0, 2, [1000, num_steps]).astype(np.int32)
        length = np.full(1000, num_steps, np.int32)
        return Log(length, response=response, shown=np.ones([1000, num_steps, 1], bool))

    assert sessions_in_both(sessions(0, 3), sessions(1, 3)) == 0
    assert sessions_in_both(sessions(0, 10), sessions(1, 10)) == 0
    assert sessions_in_both(sessions(0, 40), sessions(1, 40)) == 0
    assert sessions_in_both(sessions(0, 40), sessions(0, 40).take(range(200))) == 200


def test_a_log_of_one_user_tells_little(logs):
    log = logs[0]
    users = log.labels._replace(user=np.full(log.num_sessions, "a"))
    assert fewest(evolution(), log._replace(labels=users)).word == CANNOT_TELL


@pytest.mark.long
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
    every = validate(evolution(), train, long)
    last = validate(evolution(), train, later, given=given)
    assert last.num_events == every.num_events - 6 * 3 * long.num_sessions
    # Sessions are simulated from their first step on.
    for name, each in every["reproduces"].figures.items():
        assert last["reproduces"].figures[name]["observed"] == each["observed"]


@pytest.mark.long
def test_a_segment_is_foretold_by_models_that_have_not_seen_it():
    simulator = recsim_tf.Simulator(Shoppers(), Numbers(), 3, 3)
    train, held_out = simulated_log(simulator, 600, 6).split(0.5)
    seen = []

    def refit(log, fixed):
        seen.append((np.unique(log.initial.device).tolist(), dict(fixed)))
        return simulator

    def generalised(segment):
        found = validate(simulator, train, held_out, refit=refit, hold_out_segment=segment)
        return found["generalises"].figures

    found = generalised({"device": 0})
    assert seen == [([1], {})]
    assert abs(found.z_score) < 3
    logged = train.response[(train.initial.device == 0)] < 3
    assert found.logged.value == pytest.approx(logged.mean() / 3)
    for segment, message in (
        ({"phone": 1}, "must name fields of the log's initial draws .*, device, eager, taste, got"),
        ({"device": 7}, "must be a part of the 300 sessions, got {'device': 7} of 0"),
    ):
        with pytest.raises(ValueError, match=f"hold_out_segment {message}"):
            generalised(segment)


def test_a_model_that_takes_clicks_for_impossible_is_not_believable():
    assert of_predictions(Predictions(SCORES, None, {}, 0, {})).word == BELIEVABLE
    verdict = of_predictions(Predictions(SCORES, None, {}, 3, {}))
    assert verdict.word == NOT_BELIEVABLE
    assert "takes the clicks of 3 logged steps for impossible" in verdict.reason


def test_clicks_that_do_not_vary_are_nothing_to_predict():
    certain = Prediction(Mean(-1e-7, 1e-9), Mean(0.0, 0.0))
    verdict = of_predictions(Predictions(dict.fromkeys(SCORES, certain), None, {}, 0, {}))
    assert verdict.word == CANNOT_TELL
    assert "nothing to predict" in verdict.reason


@pytest.mark.parametrize(
    ("guess", "cause"),
    [
        ("popularity", "which documents are liked"),
        ("boosting", "how users differ"),
        ("boosting with order", "how users change from step to step"),
    ],
)
def test_the_first_guess_that_is_better_names_what_a_model_lacks(guess, cause):
    better = Prediction(Mean(-0.29, 0.01), Mean(-0.01, 0.001))
    verdict = of_predictions(Predictions({**SCORES, guess: better}, None, {}, 0, {}))
    assert verdict.word == WITH_CARE
    assert f"so the model lacks {cause}." in verdict.reason
    # Not by more than 2 % of the nats.
    near = Prediction(Mean(-0.295, 0.01), Mean(-0.005, 0.001))
    assert of_predictions(Predictions({**SCORES, guess: near}, None, {}, 0, {})).word == BELIEVABLE


def test_offsets_tell_positions_from_documents():
    better = {**SCORES, "popularity": Prediction(Mean(-0.29, 0.01), Mean(-0.01, 0.001))}
    generator = np.random.default_rng(0)
    position, document = np.tile(np.arange(4), 2000), generator.integers(0, 30, 8000)
    for name, effects in (("position", -0.5 * position), ("document", np.sin(document))):
        probs = 1 / (1 + np.exp(1.0 - effects))
        clicked = generator.uniform(size=8000) < probs
        offsets = {
            each: _gain_of_offsets(np.full(8000, probs.mean()), clicked, cells)
            for each, cells in (("position", position), ("document", document))
        }
        cause = {"position": "how clicks depend on the position", "document": "which documents are"}
        assert cause[name] in of_predictions(Predictions(better, None, offsets, 0, {})).reason
    right = _gain_of_offsets(probs, generator.uniform(size=8000) < probs, document)
    assert abs(right) < 0.002


def test_a_guess_that_knows_the_clicks_above_counts_too():
    above = {**SCORES, "boosting with the clicks above": Prediction(Mean(0, 0), Mean(-0.02, 0.001))}
    verdict = of_predictions(Predictions(SCORES, above, {}, 0, {}))
    assert verdict.word == WITH_CARE
    assert "a guess has 0.0200 ± 0.0010 nats more than the model" in verdict.reason


def generalised(gap=0.0, gain=0.01, best=0.01, bins=(0.0, 0.0)):
    """A generalised rate of 0.3, off by a gap, with two bins that are off."""
    error = np.array([0.004, 0.004])
    predicted = np.array([0.2, 0.4])
    observed = predicted + bins
    calibration = Calibration(
        predicted,
        observed,
        error,
        np.array([500, 500]),
        float(np.abs(bins).mean()),
        float(error.mean() * np.sqrt(2 / np.pi)),
    )
    return of_foretold(
        Generalised(
            0.3 - gap,
            Mean(0.3, 0.003),
            Mean(gap, 0.003),
            Mean(gain, 0.001),
            {"frequency": Mean(0.1, 0.001), "boosting": Mean(best, 0.001)},
            calibration,
        )
    )


def test_a_rate_a_bin_or_a_guess_shows_that_a_model_does_not_generalise():
    assert generalised().word == BELIEVABLE
    # In one log of a hundred a right model is so far off.
    assert generalised(gap=0.0075).word == BELIEVABLE
    assert generalised(gap=0.0081).word == WITH_CARE
    assert generalised(gap=0.04).word == generalised(gap=-0.04).word == NOT_BELIEVABLE
    # Worse than the rate of the first events, but not by chance.
    assert generalised(gain=-0.0015).word == BELIEVABLE
    assert generalised(gain=-0.004).word == WITH_CARE
    assert generalised(best=-0.02).word == WITH_CARE
    # The rate is right, and what is taken for liked is not.
    turned = generalised(bins=(0.1, -0.1))
    assert turned.word == NOT_BELIEVABLE
    assert "what it takes for liked is not" in turned.reason


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


def test_times_stay_in_place_where_steps_are_shuffled():
    hours = np.arange(24, dtype=np.float32).reshape(2, 12, 1)
    prices = hours + 100
    log = simulated_log(evolution(), 2, 12)
    told = log.labels._replace(attributes=("hour", "price"))
    log = log._replace(hidden=(hours, prices), labels=told, innovation=hours[..., 0])
    shuffled = shuffle_steps(log, 1, times=("hour",))
    np.testing.assert_array_equal(shuffled.hidden[0], hours)
    np.testing.assert_array_equal(shuffled.innovation, log.innovation)
    assert not np.array_equal(shuffled.hidden[1], prices)
    with pytest.raises(ValueError, match=r"times must name hidden .*, hour, price, got day"):
        shuffle_steps(log, 1, times=("day",))


@pytest.mark.slow
def test_sessions_held_out_are_shuffled_too(logs, monkeypatch):
    """Else the static self would meet sessions of another kind than those that it was fitted to."""
    predicted = []

    def choices(simulator, log, *arguments, **options):
        predicted.append(log)
        return ChoicePredictions(None, np.zeros(log.active.shape), None)

    monkeypatch.setattr(order, "predict_choices", choices)
    asked = {"refit": lambda log, fixed: evolution(), "static": {MASS: 1.0}}
    validate(evolution(), *logs, questions=(order.KnowsOrder(),), **asked)
    assert all(each is logs[1] for each in predicted[:2])
    shuffled = shuffle_steps(logs[1], 1)
    for each in predicted[2:]:
        np.testing.assert_array_equal(each.documents, shuffled.documents)
    assert len(predicted) == 4


def test_order_counts_where_it_is_lost_by_shuffling():
    big, small = Mean(0.1, 0.01), Mean(0.01, 0.01)
    assert of_order(Order(big, small)).word == BELIEVABLE
    assert of_order(Order(big, big)).word == WITH_CARE
    assert of_order(Order(small, small)).word == CANNOT_TELL
    assert of_order(Order(Mean(-0.1, 0.01), small)).word == NOT_BELIEVABLE
    assert of_order(Order(Mean(0.0, 0.0), Mean(0.0, 0.0))).word == CANNOT_TELL


@pytest.mark.slow
def test_figures_are_json_and_the_page_has_a_section_for_each_question(found):
    content = json.loads(json.dumps(found.figures()))
    assert [each["verdict"] for each in content["findings"]] == list(words(found).values())
    assert content["predicts"]["scores"]["boosting"]["nats"]["value"] < 0
    text = page("A validation", sections(found))
    for title in found.titles.values():
        assert f"<h2>{title}</h2>" in text
    assert str(found).count("\n") == 6


def test_wrong_arguments_are_told(logs):
    with pytest.raises(ValueError, match="held_out must be given with given, got None"):
        validate(evolution(), logs[0], given=logs[0])
    with pytest.raises(ValueError, match="refit must be given for static or hold_out_segment"):
        validate(evolution(), *logs, static={MASS: 1.0})
    with pytest.raises(ValueError, match="num_replicates must be an integer of at least 20, got 5"):
        validate(evolution(), *logs, num_replicates=5)


@pytest.mark.slow
def test_a_validation_is_a_frame_a_table_and_a_figure_of_a_notebook(found):
    frame = found.to_frame()
    assert list(frame["verdict"]) == list(words(found).values())
    assert frame.loc[0, "value"] == found["predicts"].figures.scores["frequency"].gain.value
    assert frame.loc[3, "standard error"] == found["classifier"].figures.standard_error
    assert np.isnan(frame.loc[1, "value"])
    assert found._repr_html_().count("<tr>") == 8
    labels = [axes.get_xlabel() for axes in fitting.plot(found).axes]
    assert labels[0] == "predicted click probability"
    assert "area under the curve" in labels
