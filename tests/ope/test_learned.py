# SPDX-License-Identifier: Apache-2.0
"""Policies that were learned from the log that judges them, and several policies at once."""

import numpy as np
import pytest

from recsim_tf import logs, ope
from recsim_tf.logs import SlateLogProbs
from recsim_tf.logs.examination.columns import Columns
from recsim_tf.ope.learned import warning_of_learning
from recsim_tf.ope.simultaneous import with_simultaneous_gains
from tests.logs.examination.worlds import NUM_DOCUMENTS, NUM_KINDS, SLATES, log_of
from tests.ope.worlds import log_of_clicks, near

_MANY = 20  # kinds
_EVEN = np.full([NUM_KINDS, len(SLATES)], 1 / len(SLATES))


def _log(seed, num_kinds=_MANY):
    """A log of slates at random, of users of kinds that do not differ."""
    log = log_of(2000, seed=seed, probabilities=_EVEN)
    kind = np.random.default_rng(seed).integers(num_kinds, size=2000).astype(np.int32)
    return log._replace(initial={"kind": kind})


def _cells(log):
    return (log.initial["kind"][:, np.newaxis] * NUM_DOCUMENTS + log.slate[:, 0]).ravel()


def _ratio(learned_from, judged_by):
    """The weights of a policy that prefers what was clicked in another log, or in the same."""
    size = _MANY * NUM_DOCUMENTS
    clicks = np.bincount(_cells(learned_from), learned_from.response.ravel(), size) + 0.5
    rates = (clicks / (np.bincount(_cells(learned_from), minlength=size) + 1)).reshape(_MANY, -1)
    rates = rates[judged_by.initial["kind"]]
    first, second = (
        np.take_along_axis(rates, judged_by.slate[:, 0, [place]], axis=1)[:, 0]
        for place in range(2)
    )
    total = rates.sum(axis=1)
    return len(SLATES) * first / total * second / (total - first)


@pytest.mark.parametrize("is_learned", [True, False])
def test_a_policy_that_follows_the_noise_of_the_log_is_told(is_learned):
    warned = []
    for seed in range(10):
        log = _log(seed)
        ratio = _ratio(log if is_learned else _log(100 + seed), log)
        warned.append("chance clicks" in warning_of_learning(Columns.of(log), ratio))
    assert np.mean(warned) >= 0.8 if is_learned else np.mean(warned) <= 0.1


def test_a_log_of_few_contexts_cannot_tell():
    log = _log(0, num_kinds=2)
    assert warning_of_learning(Columns.of(log), _ratio(log, log)) == ""


@pytest.mark.slow
def test_the_best_of_policies_that_earn_the_same_is_seldom_said_to_earn_more():
    together, alone = [], []
    places = np.array([NUM_DOCUMENTS, 1])
    policies = np.random.default_rng(0).dirichlet(np.full(len(SLATES), 3.0), size=12)
    for seed in range(20):
        log = _log(seed)
        clicks = (np.random.default_rng(seed).random(log.response.shape) < 0.3).astype(np.int32)
        log = log._replace(response=clicks, reward=clicks.astype(np.float32))
        slate = np.searchsorted(SLATES @ places, log.slate @ places)
        results = ope.Results()
        for number, policy in enumerate(policies):
            target = log._replace(target=SlateLogProbs(slate=np.log(policy[slate])))
            results[str(number)] = ope.evaluate(None, target, ("snips",))
        alone.append(_is_said_to_earn_more(results))
        together.append(_is_said_to_earn_more(with_simultaneous_gains(results, seed=0)))
    assert np.mean(together) <= 0.15
    assert np.mean(alone) > 2 * np.mean(together)


def _is_said_to_earn_more(results):
    estimates = [result["snips"] for result in results.values()]
    return any(each.verdict.is_promise and each.gain.interval[0] > 0 for each in estimates)


def test_a_policy_that_says_that_it_was_learned_from_the_log_is_refused():
    train, others = log_of_clicks().split(0.5)
    policy = near(2.0)
    policy.learned_from = logs.fingerprint(train)
    verdict = ope.evaluate(policy, log_of_clicks(), ("snips",))["snips"].verdict
    assert verdict.word == "not believable"
    assert "learned from this log: the policy saw 50% of its sessions" in verdict.reason
    assert "Log.split" in verdict.reason
    assert "learned" not in ope.evaluate(policy, others, ("snips",))["snips"].verdict.reason
