# SPDX-License-Identifier: Apache-2.0
"""Events, and guesses without a model that learn from them."""

import sys

import numpy as np
import pytest

from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import (
    ABOVE,
    _by_category,
    guesses,
    guesses_of_slates,
    nats,
)
from recsim_tf.fitting.validation.learners import boosting
from recsim_tf.logs.log import Log


def a_log(documents, length=None, initial=()):
    """Sessions that show documents, int [S, T, K]."""
    num_sessions, num_steps, _ = documents.shape
    return Log(
        length=np.full(num_sessions, num_steps, np.int32) if length is None else np.array(length),
        departed=np.ones(num_sessions, bool),
        initial=initial,
        documents=documents,
        shown=np.ones(documents.shape, bool),
        hidden=(),
        response=(),
        innovation=(),
    )


def simulated(seed, rate, num_sessions=600, num_steps=8, num_items=12):
    """A log of single items, and clicks with the probabilities `rate(document, user, before)`."""
    generator = np.random.default_rng(seed)
    documents = generator.integers(0, num_items, [num_sessions, num_steps, 1]).astype(np.int32)
    user = generator.standard_normal(num_sessions)
    clicked = np.zeros(documents.shape, bool)
    for step in range(num_steps):
        before = clicked[:, step - 1, 0] if step else np.zeros(num_sessions, bool)
        probs = rate(documents[:, step, 0], user, before)
        clicked[:, step, 0] = generator.random(num_sessions) < probs
    return a_log(documents), clicked


def gains(rate):
    """Nats an event of each guess over "frequency", on another log of the same users."""
    events = [Events.of(*simulated(seed, rate)) for seed in (0, 1)]
    found = guesses(*events)
    scores = {name: nats(probs, events[1].clicked).mean() for name, probs in found.items()}
    return {name: score - scores["frequency"] for name, score in scores.items()}


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def test_events_know_what_came_before_and_nothing_else():
    documents = np.array([[[3, 1], [1, 2], [3, 1]], [[2, 3], [2, 1], [0, 0]]], np.int32)
    clicked = np.zeros([2, 3, 2], bool)
    clicked[0, 0, 1] = clicked[0, 1, 0] = clicked[1, 1, 0] = True
    events = Events.of(a_log(documents, length=[3, 2]), clicked)
    assert events.session.tolist() == [0] * 6 + [1] * 4
    assert events.document.tolist() == [3, 1, 1, 2, 3, 1, 2, 3, 2, 1]
    # Shown, and clicks, before each step.
    assert np.expm1(events.past[:, 0]).round().tolist() == [0, 0, 2, 2, 4, 4, 0, 0, 2, 2]
    assert np.expm1(events.past[:, 1]).round().tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 0, 0]
    # The same document: shown and clicked before.
    assert events.past[:, 3].tolist() == [0, 0, 1, 0, 1, 2, 0, 0, 1, 0]
    assert events.past[:, 4].tolist() == [0, 0, 1, 0, 0, 2, 0, 0, 0, 0]
    # The clicks of the step before.
    assert events.order[:, 1].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    later = clicked.copy()
    later[:, 2] = True
    changed = Events.of(a_log(documents, length=[3, 2]), later)
    np.testing.assert_array_equal(changed.order, events.order)
    np.testing.assert_array_equal(changed.past[:, [0, 1, 3, 4]], events.past[:, [0, 1, 3, 4]])


def test_what_is_known_of_documents_and_users_is_in_the_profile():
    log = a_log(np.zeros([2, 1, 1], np.int32), initial=np.array([2.5, -1.0]))
    features = log._replace(documents=np.array([[[[1.0, 2.0]]], [[[3.0, 4.0]]]]))
    events = Events.of(features, np.zeros([2, 1, 1], bool))
    assert events.profile.tolist() == [[1.0, 2.0, 2.5], [3.0, 4.0, -1.0]]


def test_what_is_told_when_a_document_is_shown_is_in_the_profile():
    """A guess without it would let a model without users pass, which knows the hour."""
    log = a_log(np.zeros([2, 2, 1], np.int32))
    told = np.array([[[7.0], [8.0]], [[9.0], [np.nan]]], np.float32)
    days = np.array([[1, 2], [3, 4]], np.int32)
    known = log._replace(hidden=told, query=days * 10, innovation=days)
    events = Events.of(known, np.zeros([2, 2, 1], bool))
    # The attribute, the query, and the innovation of the step before; 0 where it is not known.
    assert events.profile.tolist() == [[7, 10, 0], [8, 20, 1], [9, 30, 0], [0, 40, 3]]


def test_the_context_of_a_step_is_one_column():
    """The first comes with the user, and the others with the change after the step before."""
    log = a_log(np.zeros([2, 2, 1], np.int32))
    log = log._replace(
        initial={"share": np.array([0.1, 0.2]), "hour": np.array([7.0, 8.0])},
        innovation={"hour": np.array([[9.0, 0.0], [10.0, 0.0]])},
    )
    events = Events.of(log, np.zeros([2, 2, 1], bool))
    assert events.profile.tolist() == [[7, 0.1], [9, 0.1], [8, 0.2], [10, 0.2]]


def test_categories_are_those_of_the_log_that_is_learned_from():
    train, other = _by_category(np.array([[0.0], [7.0], [9.0]]), np.array([[9.0], [5.0]]))
    assert train.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert other.tolist() == [[0, 0, 1], [0, 0, 0]]


@pytest.mark.slow
def test_a_guess_of_slates_knows_the_clicks_above():
    generator = np.random.default_rng(0)
    documents = np.zeros([500, 4, 3], np.int32)
    clicked = generator.random(documents.shape) < 0.3
    clicked[..., 2] = clicked[..., 1]
    log = a_log(documents)
    events = Events.of(log, clicked)
    below = events.position == 2
    assert (events.above[below, 0] == clicked[..., :2].sum(axis=2).ravel()).all()
    alone, given_above = guesses(events, events), guesses_of_slates(events, events)
    assert nats(alone["boosting with order"], events.clicked)[below].mean() < -0.3
    assert nats(given_above[ABOVE], events.clicked)[below].mean() > -0.05


def test_popularity_learns_documents():
    found = gains(lambda document, user, before: sigmoid(document - 6.0))
    assert found["popularity"] > 0.2
    assert found["boosting"] > 0.2


def test_the_past_of_a_user_is_learned_without_its_order():
    found = gains(lambda document, user, before: sigmoid(2 * user))
    assert found["popularity"] < 0.01
    assert found["logistic regression"] > 0.08


def test_order_is_learned_by_the_guess_that_sees_it():
    found = gains(lambda document, user, before: np.where(before, 0.85, 0.15))
    assert found["boosting with order"] > found["boosting"] + 0.04


def test_a_guess_of_chance_gains_nothing():
    found = gains(lambda document, user, before: np.full(len(document), 0.3))
    assert max(found.values()) < 0.003


def test_no_guess_sees_its_own_click():
    """That would be the effect of a rare document, and mean nothing elsewhere."""
    logs = [
        simulated(seed, lambda document, user, before: np.full(len(document), 0.3), num_items=1500)
        for seed in (0, 1)
    ]
    events = [Events.of(*each) for each in logs]
    probs = guesses(*events)
    scores = {name: nats(each, events[1].clicked).mean() for name, each in probs.items()}
    assert scores["popularity"] > scores["frequency"] - 0.004


def test_clicks_that_are_all_alike_are_predicted_by_frequencies():
    log, clicked = simulated(0, lambda document, user, before: np.zeros(len(document)))
    events = Events.of(log, clicked)
    for probs in guesses(events, events).values():
        assert (probs < 0.01).all()


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"needs scikit-learn: install recsim-tf\[fitting\]"):
        boosting(seed=0)


def test_the_memory_of_clicks_fades_and_the_steps_since_the_last_one_are_counted():
    """Each step leaves 0.7 of the memory. Before a click the steps are counted from the start."""
    clicked = np.zeros([2, 5, 2], bool)
    clicked[0, 0, 1] = clicked[0, 3, 0] = clicked[0, 3, 1] = True
    order = Events.of(a_log(np.zeros([2, 5, 2], np.int32)), clicked).order[::2]
    np.testing.assert_allclose(order[:5, 2], [0, 1, 0.7, 0.7**2, 0.7**3 + 2])
    np.testing.assert_array_equal(order[:5, 3], [1, 0, 1, 2, 0])
    np.testing.assert_array_equal(order[5:, 2], 0)
    np.testing.assert_array_equal(order[5:, 3], [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("levels", "num_columns"),
    [
        (np.arange(2), 1),
        (np.arange(3), 3),
        (np.arange(20), 20),
        (np.arange(21), 1),
        (np.arange(20) + 0.5, 1),
    ],
)
def test_three_to_twenty_whole_numbers_are_categories(levels, num_columns):
    train, other = _by_category(levels[:, np.newaxis], levels[:2, np.newaxis])
    assert train.shape == (len(levels), num_columns)
    assert other.shape == (2, num_columns)
