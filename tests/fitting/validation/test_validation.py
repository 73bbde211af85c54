"""Fitted simulators put to five questions."""

import json

import numpy as np
import pytest

import recsim_tf
from recsim_tf.fitting import simulated_log
from recsim_tf.fitting.checks.choices import Mean
from recsim_tf.fitting.validation import shuffle_steps, validate
from recsim_tf.fitting.validation.order import Order
from recsim_tf.fitting.validation.page import render
from recsim_tf.fitting.validation.validation import CARE, DOUBT, TRUST, UNKNOWN, _knows_order

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
    assert _knows_order(Order(big, small))[0] == TRUST
    assert _knows_order(Order(big, big))[0] == CARE
    assert _knows_order(Order(small, small))[0] == UNKNOWN
    assert _knows_order(Order(Mean(-0.1, 0.01), small))[0] == DOUBT


def test_figures_are_json_and_the_page_has_five_sections(found):
    content = json.loads(json.dumps(found.figures()))
    assert [each["verdict"] for each in content["findings"]] == verdicts(found)
    assert content["predictions"]["boosting"]["nats"]["value"] < 0
    text = render(found, "A validation")
    for finding in found.findings:
        assert f"<h2>{finding.question}</h2>" in text
    assert str(found).count("\n") == 4


def test_wrong_arguments_are_told(logs):
    with pytest.raises(ValueError, match="refit and static must be given together"):
        validate(evolution(), *logs, static={MASS: 1.0})
    with pytest.raises(ValueError, match="num_replicates must be at least 20, got 5"):
        validate(evolution(), *logs, num_replicates=5)
