# SPDX-License-Identifier: Apache-2.0
"""Estimates by weights of click probabilities, for logs of a ranking that never explored.

The estimators are CIPS and CDR of Tanaka et al. 2026, "Off-policy evaluation for ranking policies
under deterministic logging policies" (arXiv 2603.21485). The clicks of the users are random, so a
click can be weighted where a slate cannot: by the probability that the document is clicked on the
new policy's slate, divided by the probability that it is clicked on the logged slate. A click model
gives both. It may be wrong about how attractive a document is, which cancels in the ratio, but not
about how positions are examined.

With clicks y, rewards r, weights w and click probabilities p of the logged documents, and the
clicks P that the new policy's slates get in the model, a session of a step has the values

    cips: sum of w r        cdr: g (P - sum of w p) + sum of w r

where g is the mean reward of a click in the log. So cdr subtracts the model's clicks, as doubly
robust estimators do. Where weights are not bent, w p is the new policy's click probability. Then
cdr is cips and what the model says of documents that the log does not show.
"""

from collections.abc import Collection
from typing import Any, NamedTuple, Self

import numpy as np
import tensorflow as tf

from recsim_tf.logs.arguments import simulator_of
from recsim_tf.logs.log import Log
from recsim_tf.ope.click_probabilities import ClickProbabilities, ClickReader
from recsim_tf.ope.click_tests import ClickTest, click_tests, shift_by_attraction
from recsim_tf.ope.diagnostics import WeightDiagnostics, warning_of_few_earning_sessions
from recsim_tf.ope.estimators import Estimator
from recsim_tf.ope.responses import mean_of
from recsim_tf.ope.results import Estimate, Gain
from recsim_tf.ope.sample import Sample
from recsim_tf.ope.simulated import draws_of
from recsim_tf.support.means import Mean

NEGLIGIBLE = 0.01  # share of clicks up to which a verdict does not mention them
# The largest bias, in standard errors, with which 92 % of intervals hold the truth.
_MOST_SHIFTED = 0.5
_STEPS = "the log cannot tell whether policies do not change which users are present"
_POSITIONS = "how positions work in the click model"


class _Sums(NamedTuple):
    """Sums over the steps and positions of S sessions, float64 [S] each."""

    weighted: np.ndarray  # the weighted rewards
    # The clicks on the slates of the policy beyond the weighted clicks that the model expects.
    rest: np.ndarray

    @classmethod
    def of(
        cls,
        probabilities: ClickProbabilities,
        estimator: Estimator,
        reward: np.ndarray,
        discount: np.ndarray,
    ) -> Self:
        """The sums by probabilities of the sessions with rewards [S, T, K], discounts [S, T]."""
        expected = _weighted(probabilities, estimator, probabilities.logged, discount)
        return cls(
            _weighted(probabilities, estimator, reward, discount),
            (probabilities.total * discount).sum(1) - expected,
        )


class ClickEstimates(NamedTuple):
    """The parts of estimates by weights of click probabilities, for a policy and S sessions."""

    probabilities: ClickProbabilities
    documents: np.ndarray  # int [S, T, K], -1 where there is none
    # The sums of each estimator under each draw of a fitted model's parameters.
    draws: list[list[_Sums]]
    estimators: tuple[Estimator, ...]

    @classmethod
    def of(
        cls,
        policy: Any,
        log: Any,
        model: Any,
        estimators: Collection[Estimator],
        sample: Sample,
        seed: int,
    ) -> "ClickEstimates":
        """The click probabilities of a log's sessions. They need memory for one draw of the model's
        parameters, and for the sums of each session under the others.

        Args:
          policy, log, model, seed: see `evaluate`.
          estimators: the estimators with weights of clicks.
          sample: the rewards and discounts of the sessions.

        Raises:
          ValueError: see `ClickReader`; and for rewards of whole slates, or rewards of documents
            that were not clicked.
        """
        reader = ClickReader(policy, log, simulator_of(model), seed)
        draws = draws_of(model, seed)
        number = len(next(iter(draws.values()))) if draws else 0
        parameters = [
            {name: values[draw] for name, values in draws.items()} for draw in range(number)
        ]
        probabilities, documents, sums, start = [], [], [], 0
        for part, by_draw in reader.parts([{}, *parameters]):
            probabilities.append(next(by_draw))
            documents.append(_distinct(part))
            rows = slice(start, start + part.num_sessions)
            reward, discount = sample.reward[rows], sample.discount[rows]
            _check_rewards(probabilities[-1], reward, start)
            sums.append(
                [
                    [_Sums.of(each, estimator, reward, discount) for estimator in estimators]
                    for each in by_draw
                ]
            )
            start = rows.stop
        joined, by_estimator = (
            tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *parts)
            for parts in (probabilities, sums)
        )
        return cls(joined, _numbered(documents), by_estimator, tuple(estimators))

    def take(self, rows: Any) -> "ClickEstimates":
        """The sessions at `rows`: positions, or a slice."""
        probabilities, documents, draws = tf.nest.map_structure(
            lambda leaf: leaf[rows], (self.probabilities, self.documents, self.draws)
        )
        return ClickEstimates(probabilities, documents, draws, self.estimators)

    def estimate(self, estimator: Estimator, sample: Sample, level: float) -> Estimate:
        """The estimate, with its verdict. `sample` has the rewards of the same sessions."""
        now = self.probabilities
        sums = _Sums.of(now, estimator, sample.reward, sample.discount)
        weighted, sessions = sums.weighted, _session_values(sums, now.clicked, estimator, sample)
        draws: Any = ()
        if self.draws:
            place = self.estimators.index(estimator)
            values = (
                _session_values(each[place], now.clicked, estimator, sample) for each in self.draws
            )
            draws = np.stack(list(values))
        diagnostics = WeightDiagnostics.of(
            _weighted(now, estimator, now.clicked, np.ones_like(sample.discount))[:, np.newaxis]
        )
        mean = mean_of(sessions, sample.users, draws)
        tests = click_tests(now, self.documents, sample.users)
        contradictions = (test.contradiction for test in sorted(tests, key=_surprise))
        share = now.unsupported.sum() / max(now.total.sum(), np.finfo(np.float64).tiny)
        lacks = f"{share:.0%} of the policy's clicks are on documents that the log does not show"
        lacks = lacks if share > NEGLIGIBLE else ""
        is_doubly_robust = estimator.model == "baseline"
        estimate = Estimate.of(
            mean,
            level,
            diagnostics.warning_of_few_effective_sessions(),
            "" if is_doubly_robust else lacks,
            next(filter(None, contradictions), ""),
        )
        bent_share = 1 - (_bent(now, estimator) * now.logged).sum() / max(
            (now.ratio * now.logged).sum(), np.finfo(np.float64).tiny
        )
        verdict = estimate.verdict.with_care(
            _STEPS if sample.num_steps > 1 else "",
            self._untested(tests[-1], mean.standard_error),
            self._shifted(sample, mean),
            warning_of_few_earning_sessions(weighted),
            f"{lacks}: the model alone is read there" if lacks and is_doubly_robust else "",
            f"{bent_share:.0%} of the weight is bent away, a bias"
            if bent_share > NEGLIGIBLE and not is_doubly_robust
            else "",
        )
        gain = mean_of(sessions - sample.returns, sample.users, draws)
        return estimate._replace(
            verdict=verdict,
            gain=Gain(gain.value, gain.interval(level)),
            sessions=sessions,
            draws=draws,
            # The mean of these weights is not 1, and says nothing of propensities.
            weights=diagnostics._replace(wrong=()),
            users=sample.users,
            assumptions=estimator.assumptions,
            has_click_model=True,
        )

    def _untested(self, test: ClickTest, standard_error: float) -> str:
        """A warning that the log tests the weights less precisely than the estimate seems to be;
        "" for none. The slope of the test is that of clicks over weights.
        """
        now = self.probabilities
        moved = float((now.clicked * (now.ratio - 1) ** 2)[now.ratio > 0].sum()) / len(now.total)
        if not moved:
            return ""
        error = test.error * moved
        if error <= standard_error:
            return ""
        if not np.isfinite(error):
            return f"the log cannot tell {_POSITIONS}: its documents keep their positions"
        value = (now.ratio * now.clicked).sum() / len(now.total)
        bound = f"\N{PLUS-MINUS SIGN}{2 * error / value:.0%}"
        return f"it assumes {_POSITIONS}, which the log tests only to {bound}"

    def _shifted(self, sample: Sample, mean: Mean) -> str:
        """A warning that a wrong attraction of documents does not cancel; "" for none."""
        shift = shift_by_attraction(self.probabilities, self.documents, sample.users)
        if abs(shift * mean.value) <= _MOST_SHIFTED * mean.standard_error:
            return ""
        return (
            "the log shows other attractions of documents than the click model, which moves the"
            f" estimate by about {shift:+.1%}"
        )


def _surprise(test: ClickTest) -> float:
    """The order of tests: the largest z-score first."""
    return -abs(np.nan_to_num(test.z_score))


def _bent(now: ClickProbabilities, estimator: Estimator) -> np.ndarray:
    return estimator.weights.bend(tf.constant(now.ratio)).numpy()


def _weighted(
    now: ClickProbabilities, estimator: Estimator, values: np.ndarray, discount: np.ndarray
) -> np.ndarray:
    """The weighted sums of values [S, T, K] of the logged documents, [S]."""
    return ((_bent(now, estimator) * values).sum(2) * discount).sum(1)


def _session_values(
    sums: _Sums, clicked: np.ndarray, estimator: Estimator, sample: Sample
) -> np.ndarray:
    """Values of the sessions with clicks [S, T, K], [S]. Their mean is the estimate; their variance
    divided by S is its variance, also where the mean reward of a click is estimated.
    """
    if estimator.model == "none":
        return sums.weighted
    rewards, clicks = sample.reward.sum((1, 2)), clicked.sum((1, 2))
    of_click = rewards.sum() / max(clicks.sum(), 1)
    influence = sums.rest.mean() * (rewards - of_click * clicks)
    influence = influence / max(clicks.mean(), 1 / len(clicks))
    return sums.weighted + of_click * sums.rest + influence


def _check_rewards(now: ClickProbabilities, reward: np.ndarray, start: int) -> None:
    """Checks the rewards of sessions, of which the first one has the number `start`."""
    if reward.shape[2] != now.clicked.shape[2]:
        raise ValueError(
            "log.reward must be rewards by position for estimators of clicks, got those of slates"
        )
    wrong = np.argwhere((reward != 0) & (now.clicked == 0))
    if len(wrong):
        session, step, position = wrong[0]
        raise ValueError(
            "log.reward must be 0 where nothing is clicked, for estimators of clicks, got"
            f" {reward[tuple(wrong[0])]:g} at session {start + session}, step {step}, position"
            f" {position}"
        )


def _distinct(log: Log) -> tuple[np.ndarray, np.ndarray]:
    """The distinct documents of sessions, rows of their attributes [D, F] in ascending order, and
    the documents at each position by their row, int [S, T, K]; -1 where there is none.
    """
    shown = log.counted
    leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(log.documents)]
    rows = np.concatenate([leaf[shown].reshape(shown.sum(), -1) for leaf in leaves], axis=1)
    distinct, row = np.unique(rows, axis=0, return_inverse=True)
    documents = np.full(shown.shape, -1)
    documents[shown] = row.reshape(-1)
    return distinct, documents


def _numbered(parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The numbers of the documents of all parts, see `_distinct`, int [S, T, K]; -1 for none."""
    distinct, documents = zip(*parts, strict=True)
    _, number = np.unique(np.concatenate(distinct), axis=0, return_inverse=True)
    numbers = np.split(number.reshape(-1), np.cumsum([len(rows) for rows in distinct])[:-1])
    return np.concatenate(
        [
            np.append(of_row, -1)[part]  # The last entry stands for no document.
            for of_row, part in zip(numbers, documents, strict=True)
        ]
    )
