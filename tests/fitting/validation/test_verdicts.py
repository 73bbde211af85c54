# SPDX-License-Identifier: Apache-2.0
"""Every case of every verdict is reached by some figures."""

import sys

import numpy as np
import pytest

from recsim_tf.fitting.predictions.choices import Calibration
from recsim_tf.fitting.validation import (
    chosen,
    classifier,
    generalises,
    order,
    predicts,
    reproduces,
)
from recsim_tf.fitting.validation.guesses import ABOVE
from recsim_tf.fitting.validation.statistics import PredictiveCheck, Statistic
from recsim_tf.support.means import Mean
from recsim_tf.support.verdicts import Verdict


def mean(rng, scale=1.0):
    """A mean of either sign, with an error that may be zero, small or large."""
    value = rng.choice([0.0, *scale * rng.normal(size=4)])
    return Mean(value, scale * rng.choice([0.0, 0.01, 0.1, 1.0]))


def calibration(rng):
    num_bins, error = 4, rng.choice([0.0, 0.001, 0.1])
    predicted = rng.uniform(size=num_bins)
    gaps = rng.normal(scale=rng.choice([0.001, 0.1]), size=num_bins)
    bins = predicted, predicted + gaps, np.full(num_bins, error), np.full(num_bins, 100)
    return Calibration(*bins, float(np.mean(np.abs(gaps))), rng.choice([0.0, 0.1]))


def ranking(rng):
    values = [{name: mean(rng) for name in "ab"} for _ in range(2)]
    interval = tuple(np.sort(rng.uniform(-1, 1, 2)))
    return chosen.Ranking(*values, rng.random() < 0.5, 0.1, interval, [(), ("c",)][rng.integers(2)])


def discrimination(rng):
    auc, power = rng.uniform(0.48, 1.0, 2)
    chance = rng.choice([0.001, 0.2])
    units = rng.choice([1.0, 20.0])
    return classifier.Discrimination(auc, 0.01, chance, 0.5, power, ["x"], "session", units)


def generalised(rng):
    logged = Mean(rng.choice([0.0, 0.3]), 0.01)
    gap = mean(rng, rng.choice([0.001, 0.02, 1.0]))
    gains = {name: mean(rng) for name in ("frequency", "popularity")}
    return generalises.Generalised(0.3, logged, gap, mean(rng), gains, calibration(rng))


def order_figures(rng):
    return order.Order(mean(rng), mean(rng))


def predictions(rng):
    def scores(*guesses):
        nats = Mean(rng.choice([0.0, -0.5]), 0.1)
        gains = {name: mean(rng, rng.choice([0.01, 1.0])) for name in guesses}
        return {name: predicts.Prediction(nats, gains[name]) for name in guesses}

    names = ("model", "frequency", "popularity")
    above = scores("model", ABOVE) if rng.random() < 0.5 else None
    offsets = {name: rng.choice([0.0, 0.1]) for name in ("position", "document")}
    impossible = int(rng.choice([0, 0, 0, 5]))
    of_guesses = scores(*names) if rng.random() < 0.9 else None
    return predicts.Predictions(of_guesses, above, offsets, impossible, {})


def check(rng):
    names = ("click_rate/0", "clicks_per_step/mean", "sessions_without_a_click")
    spread = rng.choice([0.001, 0.5])
    off = rng.choice([0.0, 0.1, 1.0])
    statistics = {
        name: Statistic(1.0, 1.0 + off * rng.random() + spread * rng.normal(size=50))
        for name in names
    }
    return PredictiveCheck(statistics, {}, 100, 50, [])


@pytest.mark.parametrize(
    ("module", "figures", "number"),
    [
        (chosen, ranking, 200),
        (classifier, discrimination, 200),
        (generalises, generalised, 300),
        (order, order_figures, 200),
        (predicts, predictions, 300),
        (reproduces, check, 40),
    ],
    ids=lambda each: getattr(each, "__name__", "").rpartition(".")[2],
)
def test_every_case_is_reached(module, figures, number):
    assert not _lines(module.verdict) - _run(module.verdict, figures, number)


def test_every_case_of_an_estimate_is_reached():
    def faults(rng):
        return rng.normal(), rng.choice([0.0, 0.1, 9.0, np.nan]), *rng.choice(["", "a fault"], 2)

    function = Verdict.of.__func__
    assert not _lines(function) - _run(lambda case: Verdict.of(*case), faults, 100, function)


def _lines(function):
    """The lines of a function that have code."""
    first, *lines = sorted({line for *_, line in function.__code__.co_lines() if line})
    return set(lines) - {first}


def _run(call, figures, number, function=None):
    """The lines of the function that calls with random figures have run."""
    code, reached = (function or call).__code__, set()

    def trace(frame, event, argument):
        if frame.f_code is not code:
            return None
        reached.add(frame.f_lineno)
        return trace

    rng = np.random.default_rng(0)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _ in range(number):
            verdict = call(figures(rng))
            assert isinstance(verdict, Verdict)
            assert verdict.word
    finally:
        sys.settrace(before)
    return reached
