# SPDX-License-Identifier: Apache-2.0
"""Weights of click probabilities: CIPS and CDR, their tests and verdicts."""

import functools
import itertools
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice, logs, ope
from recsim_tf.core.base.types import Observation
from recsim_tf.logs import Log
from recsim_tf.ope.click_estimates import ClickEstimates
from recsim_tf.ope.click_probabilities import ClickProbabilities, ClickReader
from recsim_tf.ope.sample import Sample
from recsim_tf.policies import Deterministic, PlackettLucePolicy
from tests.environments.page_clicks.worlds import NUM_ITEMS, SLATE_SIZE, pages
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions, uniform_random
from tests.worlds.clicks import clicks

EXAMINED = np.array([1.0, 0.7, 0.5, 0.3])
GRID = [1.0, 0.4, 0.95, 0.3]
BROWSING = 0.95 * 0.7 ** np.maximum(np.subtract.outer(np.arange(4), np.arange(4)), 0)
LIST = pages(choice.PositionBased(EXAMINED))
ATTRACTION = np.asarray(LIST.documents.item_effect)
CHOICES = clicks(slate_size=2, num_candidates=2)
OLD, NEW = np.random.default_rng(0).normal(0, 1, [2, NUM_ITEMS])


def ranking(score, size=SLATE_SIZE):
    """Shows the candidates with the highest scores of their items, float [D]."""

    def policy(seen, state, seed):
        del seed
        scores = tf.gather(tf.constant(score, tf.float32), seen.documents.item_id)
        return tf.math.top_k(scores, size).indices, state

    return Deterministic(policy)


@functools.cache
def log_of(simulator, num_sessions=1500, num_steps=1, seed=0):
    trajectory = simulator.rollout(ranking(OLD), num_sessions, num_steps, seed)
    return logs.from_trajectory(trajectory, simulator)


def with_attraction(attraction, simulator=LIST):
    return simulator.with_parameters({"documents.item_effect": attraction})


def judged(log, model, *names, policy=None, **arguments):
    policy = policy or ranking(NEW)
    return ope.evaluate(policy, log, names or ("cips", "cdr"), model=model, **arguments)


def tiny():
    """Three pages of four of six candidates, written by hand."""
    rng = np.random.default_rng(1)
    candidates = np.stack([rng.permutation(NUM_ITEMS)[:6] for _ in range(3)])[:, None].astype(int)
    slate = np.stack([rng.permutation(6)[:4] for _ in range(3)])[:, None]
    documents = np.take_along_axis(candidates, slate, axis=2).astype(np.int32)
    response = np.array([[[1, 0, 1, 0]], [[0, 0, 0, 1]], [[0, 1, 1, 1]]], np.float32)
    described = LIST.documents.describe(tf.constant(candidates, tf.int32), ())
    seen = tf.nest.map_structure(lambda leaf: leaf.numpy(), LIST.documents.observe(described))
    return Log(
        length=np.ones(3, np.int32),
        departed=np.zeros(3, bool),
        initial=np.zeros([3, 1], np.int32),
        documents=documents,
        shown=np.ones(documents.shape, bool),
        hidden=np.zeros_like(documents),
        response=response,
        slate=slate.astype(np.int32),
        candidates=candidates,
        reward=response * 2,
        observation=Observation(np.zeros([3, 1, 1], np.int32), seen, ()),
    )


def browsing_probs(items):
    """The click probabilities of the positions of a page, over all sequences of clicks."""
    attraction = 1 / (1 + np.exp(-ATTRACTION[items]))
    probs = np.zeros(len(items))
    for happened in itertools.product([0, 1], repeat=len(items)):
        prob, last = 1.0, 0
        for position, click in enumerate(happened):
            clicked = attraction[position] * BROWSING[position, last]
            prob *= clicked if click else 1 - clicked
            last = position + 1 if click else last
        probs += prob * np.array(happened)
    return probs


@pytest.mark.slow
def test_the_estimates_are_those_of_a_loop_over_documents():
    """The user browsing model, in which clicks depend on each other; a reward of 2 for a click."""
    model, log = pages(choice.UserBrowsing(BROWSING)), tiny()
    result = judged(log, model)
    cips, cdr = [], []
    for session in range(3):
        candidates = log.candidates[session, 0]
        order = np.argsort(-NEW[candidates], kind="stable")[:4]
        old_items, new_items = candidates[log.slate[session, 0]], candidates[order]
        of_old = dict(zip(old_items, browsing_probs(old_items), strict=True))
        of_new = dict(zip(new_items, browsing_probs(new_items), strict=True))
        clicked = dict(zip(old_items, log.response[session, 0], strict=True))
        weighted = sum(2 * clicked[d] * of_new.get(d, 0) / of_old[d] for d in old_items)
        cips.append(weighted)
        modelled = sum(of_new.values()) - sum(of_new.get(d, 0) for d in old_items)
        cdr.append(2 * modelled + weighted)
    assert not any(set(candidates[slate]) == set(candidates) for slate in log.slate[:, 0])
    np.testing.assert_allclose(result["cips"].sessions, cips, rtol=1e-5)
    np.testing.assert_allclose(result["cdr"].sessions, cdr, rtol=1e-5)
    assert result["cips"].value == pytest.approx(np.mean(cips))


@pytest.mark.slow
@pytest.mark.parametrize(
    "click_model",
    [choice.PositionBased(EXAMINED), choice.UserBrowsing(BROWSING), choice.DynamicBayesian(0.8)],
)
def test_right_models_give_the_value_of_the_new_ranking(click_model):
    simulator = pages(click_model)
    result = judged(log_of(simulator), simulator)
    truth = ope.truth(simulator, ranking(NEW), 1, 50_000, seed=3)
    for estimate in result.values():
        error = np.hypot(estimate.standard_error, truth.standard_error)
        assert abs(estimate.value - truth.value) <= 3 * error
        assert estimate.verdict.is_promise, estimate.verdict


@pytest.mark.slow
def test_attraction_cancels_where_positions_alone_decide_on_examination():
    log, wrong = log_of(LIST), with_attraction(ATTRACTION + np.linspace(-1, 1, NUM_ITEMS))
    right, with_wrong = judged(log, LIST), judged(log, wrong, "cips", "cdr")
    for name in right:
        assert with_wrong[name].value == pytest.approx(right[name].value, rel=1e-4)
        assert with_wrong[name].verdict.is_promise, with_wrong[name].verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("click_model", "is_promise"),
    [(choice.PositionBased(EXAMINED), True), (choice.MultipleClickCascade(0.9, 0.4), False)],
)
def test_attraction_that_does_not_cancel_takes_the_promise_away(click_model, is_promise):
    """In cascades, attractive documents keep users from those below."""
    simulator = pages(click_model)
    wrong = with_attraction(ATTRACTION + 1.5 * NEW, simulator)
    verdict = judged(log_of(simulator), wrong)["cips"].verdict
    assert verdict.is_promise == is_promise, verdict


@pytest.mark.slow
def test_a_document_that_moves_up_counts_as_often_as_it_is_examined_more():
    """Two pages that the policy turns round."""
    log = log_of(LIST)
    probabilities = ClickReader(ranking(-OLD), log, LIST).read()
    expected = EXAMINED[::-1] / EXAMINED
    is_distinct = [len(set(row)) == SLATE_SIZE for row in log.documents[:, 0]]
    ratios = probabilities.ratio[is_distinct, 0]
    np.testing.assert_allclose(ratios, np.tile(expected, [len(ratios), 1]), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("users", "model", "reason"),
    [
        (pages(choice.PositionBased(GRID)), LIST, "clicks on documents at position "),
        (pages(choice.MultipleClickCascade(1.0, 0.0)), LIST, "below a click differ by -100%"),
        (LIST, pages(choice.PositionBased(GRID)), "contradicts how positions work"),
    ],
)
def test_a_log_contradicts_positions_that_work_otherwise(users, model, reason):
    for estimate in judged(log_of(users), model).values():
        assert estimate.verdict.word == "not believable"
        assert reason in estimate.verdict.reason


@pytest.mark.slow
def test_documents_that_keep_their_positions_tell_nothing_of_positions():
    log = log_of(LIST, 500)
    items = np.tile(np.arange(4, dtype=np.int32), [500, 1, 1])
    probs = EXAMINED / (1 + np.exp(-ATTRACTION[items]))
    clicked = (np.random.default_rng(2).uniform(size=probs.shape) < probs).astype(np.float32)
    seen = log.observation.documents._replace(item_id=items)
    log = log._replace(
        documents=items,
        slate=items,
        response=clicked,
        reward=clicked,
        observation=log.observation._replace(documents=seen),
    )
    verdict = judged(log, LIST)["cips"].verdict
    assert verdict.word == "with care"
    assert "its documents keep their positions" in verdict.reason


@pytest.mark.slow
def test_documents_that_were_not_shown_are_left_to_the_model():
    log, model = tiny(), LIST
    many = log.take(np.tile(np.arange(3), 100))
    result = judged(many, model)
    assert "of the policy's clicks are on documents that the log does not show" in str(
        result["cips"].verdict
    )
    assert result["cips"].verdict.word == "not believable"
    assert "the model alone is read there" in result["cdr"].verdict.reason or not (
        result["cdr"].verdict.is_believable
    )
    probabilities = ClickReader(ranking(NEW), many, model).read()
    expected = result["cips"].value + 2 * probabilities.unsupported.sum(1).mean()
    assert result["cdr"].value == pytest.approx(expected)


@pytest.mark.slow
def test_slates_of_a_stochastic_policy_are_averaged():
    table = tf.constant(NEW, tf.float32)
    policy = PlackettLucePolicy.of_logits(
        lambda seen: tf.gather(table, seen.documents.item_id), SLATE_SIZE
    )
    log = log_of(LIST)
    probabilities = ClickReader(policy, log, LIST).read()
    marginals = policy.decide(tf.nest.map_structure(lambda leaf: leaf[:, 0], log.observation), ())[
        0
    ].marginals()
    examined = np.einsum("skn,k->sn", marginals, EXAMINED)
    by_position = np.take_along_axis(examined, log.slate[:, 0], axis=1)
    attraction = 1 / (1 + np.exp(-ATTRACTION[log.documents[:, 0]]))
    gap = probabilities.new[:, 0] - by_position * attraction
    # The examination of a draw has a standard deviation of about 0.26.
    assert np.sqrt((gap**2).mean()) < 0.26 / np.sqrt(16)
    assert abs(gap.mean()) < 0.005


class Fitted:
    """A fitted model, whose parameters are known up to an error."""

    simulator, has_uncertainty = LIST, True

    def draws(self, num_draws, seed):
        noise = np.random.default_rng(seed).normal(0, 0.05, [num_draws, SLATE_SIZE])
        return {"users.click_model.examination": np.clip(EXAMINED + noise, 0.05, 1.0)}


@pytest.mark.slow
def test_the_error_of_a_fit_makes_intervals_wider():
    log, fitted = log_of(LIST), Fitted()
    given, drawn = judged(log, LIST)["cips"], judged(log, fitted)["cips"]
    assert drawn.value == given.value
    reader = ClickReader(ranking(NEW), log, LIST)
    values = [
        (reader.read({"users.click_model.examination": examined}).ratio * log.reward).sum(2).mean()
        for examined in fitted.draws(20, 0)["users.click_model.examination"]
    ]
    expected = np.hypot(given.standard_error, np.std(values, ddof=1))
    assert drawn.standard_error == pytest.approx(expected, rel=0.02)
    assert np.ptp(drawn.gain.interval) > np.ptp(given.gain.interval)


@pytest.mark.slow
def test_weights_can_be_bent():
    log = log_of(LIST)
    bent = {
        name: ope.Estimator("click", "step", model=model, weights=ope.Weights(cap=1.2))
        for name, model in (("cips", "none"), ("cdr", "baseline"))
    }
    result, full = ope.evaluate(ranking(NEW), log, bent, model=LIST), judged(log, LIST)
    assert "of the weight is bent away" in result["cips"].verdict.reason
    assert result["cips"].value < full["cips"].value
    # The model fills in what is bent away, and is right.
    assert abs(result["cdr"].value - full["cips"].value) <= 2 * full["cips"].standard_error


@pytest.mark.slow
def test_sessions_of_several_steps_are_read_with_care():
    verdict = judged(log_of(LIST, 1000, 2), LIST)["cips"].verdict
    assert verdict.word == "with care"
    assert "policies do not change which users are present" in verdict.reason


@pytest.mark.slow
def test_a_log_in_pieces_has_the_same_estimates():
    log = log_of(LIST)
    stream = logs.LogStream(lambda: (log.take(slice(0, 700)), log.take(slice(700, None))))
    expected, result = judged(log, LIST), judged(stream, LIST)
    for name in expected:
        assert result[name].value == pytest.approx(expected[name].value, rel=1e-6)
        assert result[name].verdict == expected[name].verdict


@pytest.mark.long
def test_memory_does_not_grow_with_the_pieces_of_a_log():
    """Each piece has a ballast of twelve megabytes that nothing reads."""
    ballast = (3, 1, 500_000)

    def peak(number):
        stream = logs.LogStream(
            lambda: (tiny()._replace(innovation=np.zeros(ballast)) for _ in range(number))
        )
        tracemalloc.start()
        judged(stream, LIST)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(2)
    assert peak(8) - peak(2) < np.zeros(ballast).nbytes


def by_hand():
    """40 sessions with a click at one of two positions, with a reward of 1 or of 3 each."""
    clicked = np.tile([[[1.0, 0.0]], [[0.0, 1.0]]], [20, 1, 1])
    logged = np.full([40, 1, 2], 0.4)
    probabilities = ClickProbabilities(
        clicked=clicked,
        logged=logged,
        conditional=logged,
        new=np.tile([[[0.2, 0.4]]], [40, 1, 1]),
        total=np.full([40, 1], 0.9),
        above=np.zeros([40, 1, 2]),
    )
    estimators = (ope.PRESETS["cips"], ope.PRESETS["cdr"])
    documents = np.tile([[[0, 1]]], [40, 1, 1])
    sample = Sample({}, clicked * [1.0, 3.0], np.ones([40, 1]))
    return ClickEstimates(probabilities, documents, [], estimators), sample


def test_the_clicks_of_a_model_are_added_with_the_mean_reward_of_a_click():
    """Weights are 0.5 and 1. A click earns 2 in the mean, so that the model's 0.9 clicks, beyond
    the 0.6 that it expects by weights, earn 0.6. The noise of that 2 belongs to the sessions.
    """
    clicks, sample = by_hand()
    cips, cdr = (clicks.estimate(each, sample, 0.95) for each in clicks.estimators)
    np.testing.assert_allclose(cips.sessions[:2], [0.5 * 1, 1 * 3])
    assert cips.value == pytest.approx(1.75)
    np.testing.assert_allclose(cdr.sessions[:2], [0.5 + 0.6 - 0.3, 3 + 0.6 + 0.3])
    assert cdr.value == pytest.approx(1.75 + 0.6)


def test_sessions_are_taken_from_the_parts_of_estimates():
    clicks, sample = by_hand()
    rows = slice(0, 20)
    part = Sample({}, sample.reward[rows], sample.discount[rows])
    whole, half = (
        each.estimate(ope.PRESETS["cips"], of_sessions, 0.95)
        for each, of_sessions in ((clicks, sample), (clicks.take(rows), part))
    )
    np.testing.assert_array_equal(half.sessions, whole.sessions[rows])


@pytest.mark.slow
def test_estimates_can_be_compared():
    policies = {"new": ranking(NEW), "old": ranking(OLD)}
    results = ope.compare(policies, log_of(LIST), ("cips",), model=LIST)
    assert results["old"]["cips"].value == pytest.approx(results["old"].logged.value)
    estimator, gain = results.difference("new", "old")
    assert estimator == "cips"
    assert gain.value == pytest.approx(results["new"]["cips"].gain.value)


def log_of_choices():
    trajectory = CHOICES.rollout(first_positions(2), 10, 1, 0)
    return logs.from_trajectory(trajectory, CHOICES)


def unclicked():
    log = log_of(LIST)
    return log._replace(reward=np.ones_like(log.reward))


REFUSALS = [
    (lambda: judged(log_of(LIST), None), "model must be a simulator whose users have a click"),
    (
        lambda: judged(log_of_choices(), CHOICES, policy=Deterministic(first_positions(2))),
        r"model must have users who respond with a click model \(choice.ClickModel\).* Clickers",
    ),
    (lambda: judged(log_of(LIST), "model"), "model must be a Simulator, .*, got str"),
    (
        lambda: judged(log_of(LIST), LIST, policy=uniform_random(SLATE_SIZE)),
        "policy must have a method decide",
    ),
    (
        lambda: judged(tiny()._replace(candidates=()), LIST),
        "log.candidates must be given to judge a policy that shows documents that the log does not",
    ),
    (lambda: judged(log_of(LIST)._replace(initial=()), LIST), "log must have the initial draws of"),
    (
        lambda: judged(
            log_of(LIST)._replace(reward=log_of(LIST).reward.sum(2, keepdims=True)), LIST
        ),
        "log.reward must be rewards by position",
    ),
    (lambda: judged(unclicked(), LIST), "log.reward must be 0 where nothing is clicked"),
    (lambda: ope.Estimator("click"), 'steps must be "step" and normalize False with reads="click"'),
    (lambda: ope.value(ranking(NEW), log_of(LIST), "cips"), 'reads must not be "click"'),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_estimates_that_cannot_be_made_are_refused_in_one_line(call, message):
    assert_refused(call, message)
