# SPDX-License-Identifier: Apache-2.0
"""Both tools on the same logs: how often each lets a policy be deployed, and how often it is right.

The logs are those of `off_policy/doctor_worlds.py`, of 1,000 sessions. A slate is one action for
skdr-eval, so the policies share their mass between six slates, in which each document has each
position once:

- one step: half of the logs have users of 12 kinds, half users of four features;
- 10 steps: users of 12 kinds. skdr-eval reads each step as a decision of its own, and its values
  are of a decision;
- 120 slates: one step with all slates, in fewer logs, where an action is one of 120.

The new policy is better in half of the logs: it is sharper and knows tastes better. In a quarter
it is worse, a flatter form of the logging policy. In a quarter it mixes both so that it earns what
the logging policy earns. Values are exact.

recsim_tf gets the log with its propensities and the new policy's probabilities. It deploys where
the word of `snips` is a promise ("believable" or "wide") and the interval of the gain is above 0.

skdr-eval gets what its guides ask for: rows in the order of time, the context as `cli_` columns,
all actions eligible, and the new policy as a fitted model, which the evaluator turns into exactly
the policy's probabilities (it takes them to go as 1 / prediction). The call is
`evaluate_sklearn_models(fit_models=False, policy_train="all", ci_bootstrap=True,
baseline="logged")` with three folds and its other defaults; all rows are judged. It cannot read
propensities and estimates them. It deploys where `recommendation(estimator="SNDR",
baseline=MEAN REWARD)` says "deploy"; it believes where `support_health` is "ok". The gate of its
command line gets no baseline, and is a row of its own: it deploys where its exit status would be 0.
`evaluate_slate_models` is not asked: its policies see no context, and it has no intervals.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from off_policy import doctor_worlds
from off_policy.doctor_worlds import (
    NEW,
    NUM_DOCUMENTS,
    NUM_KINDS,
    OLD,
    OLD_SCORES,
    SLATE_SIZE,
    SLATES,
    TASTES,
    Logged,
)

from recsim_tf import ope
from recsim_tf.support.tables import text_table

Array = np.ndarray
_STEPS = 10
_DIGITS = NUM_DOCUMENTS ** np.arange(SLATE_SIZE)[::-1]
_TURNED = (np.arange(NUM_DOCUMENTS)[:, np.newaxis] + np.arange(SLATE_SIZE)) % NUM_DOCUMENTS
SIX = np.searchsorted(SLATES @ _DIGITS, _TURNED @ _DIGITS)
ALL = np.arange(len(SLATES))
CLAIMS = ("better", "better", "equal", "worse")  # of logs in turn


class Case(NamedTuple):
    """A log, and what both tools are told about the policies."""

    logged: Logged
    is_better: bool  # whether the new policy earns more
    context: Array  # float [S, F]
    new: Callable[[Array], Array]  # the new policy [R, 120] of contexts [R, F]
    slates: Array  # numbers of the slates that policies show


class Answer(NamedTuple):
    """The answer of a tool about a policy."""

    believed: bool
    deployed: bool
    value_held: bool
    gain_held: bool


def cases(name: str, num_logs: int, num_sessions: int) -> Iterator[Case]:
    """The logs of a set: "one step", "10 steps" or "120 slates"."""
    for seed in range(num_logs):
        claim = CLAIMS[seed % len(CLAIMS)]
        has_features = name == "one step" and seed // len(CLAIMS) % 2
        make = _of_features if has_features else _of_kinds
        yield make(name, claim, seed, num_sessions)


def _among(policy: Array, slates: Array) -> Array:
    """The policy [R, 120] given that it shows one of some slates."""
    masses = np.zeros_like(policy)
    masses[:, slates] = policy[:, slates]
    return masses / masses.sum(axis=1, keepdims=True)


def _of_kinds(name: str, claim: str, seed: int, num_sessions: int) -> Case:
    slates, steps = ALL if name == "120 slates" else SIX, _STEPS if name == "10 steps" else 1
    # Over several steps weights are products, so that policies are nearer to each other.
    better = NEW if steps == 1 else doctor_worlds.plackett_luce(OLD_SCORES + 0.3 * TASTES)
    old, better, worse = (
        _among(policy, slates) for policy in (OLD, better, OLD ** (0.5 if steps == 1 else 0.8))
    )

    def world(new: Array, number: int) -> Logged:
        return doctor_worlds.base(seed, number, new=new, old=old, num_steps=steps)

    policies = {"better": better, "worse": worse}
    share = _equal_share(*(world(policies[each], 2) for each in policies))
    policies["equal"] = share * better + (1 - share) * worse
    new = policies[claim]
    logged = world(new, num_sessions)
    context = np.eye(NUM_KINDS)[logged.log.initial["kind"]]
    return _case(logged, claim, context, lambda rows: new[rows.argmax(axis=1)], slates)


def _of_features(name: str, claim: str, seed: int, num_sessions: int) -> Case:
    del name
    shares = {"better": 1.0, "worse": 0.0}

    def change(of: str) -> Callable[..., tuple[Array, Array]]:
        def changed(new: Array, old: Array) -> tuple[Array, Array]:
            share = shares[of]
            mixed = share * _among(new, SIX) + (1 - share) * _among(np.sqrt(old), SIX)
            return mixed, _among(old, SIX)

        return changed

    def world(of: str, number: int) -> Logged:
        return doctor_worlds.continuous_context(seed, number, change(of))

    shares["equal"] = _equal_share(world("better", 2), world("worse", 2))
    logged = world(claim, num_sessions)

    def new(rows: Array) -> Array:
        return change(claim)(*doctor_worlds.by_features(rows)[1:])[0]

    return _case(logged, claim, logged.log.initial["features"].astype(float), new, SIX)


def _equal_share(better: Logged, worse: Logged) -> float:
    """The share of the better policy in a mix that earns what the logging policy earns."""
    return (better.logged_value - worse.value) / (better.value - worse.value)


def _case(logged: Logged, claim: str, context: Array, new: Any, slates: Array) -> Case:
    if len(slates) < len(SLATES):  # Candidates would say that all slates can be shown.
        logged = logged._replace(log=logged.log._replace(candidates=()))
    return Case(logged, claim == "better", context, new, slates)


def by_recsim_tf(case: Case) -> Answer:
    """The answer of `snips`."""
    logged = case.logged
    estimate = ope.evaluate(None, logged.log, ("snips",))["snips"]
    assert estimate.gain is not None
    believed = estimate.verdict.is_promise
    return Answer(
        believed,
        believed and estimate.gain.interval[0] > 0,
        _holds(estimate.interval, logged.value),
        _holds(estimate.gain.interval, logged.value - logged.logged_value),
    )


class _Model:
    """A model of skdr-eval that induces a policy: its predictions are 1 / probability."""

    def __init__(self, case: Case):
        self._case = case

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, rows: Array, outcome: Array) -> "_Model":
        return self

    def predict(self, rows: Array) -> Array:
        """The inverse probabilities of contexts and actions, float [R]."""
        num_actions = len(self._case.slates)
        context, action = rows[:, :-num_actions], rows[:, -num_actions:].argmax(axis=1)
        shown = self._case.new(context)[np.arange(len(rows)), self._case.slates[action]]
        return 1 / np.maximum(shown, 1e-12)


def rows_of(case: Case) -> Any:
    """The decisions of a log as skdr-eval reads them."""
    import pandas as pd

    log, steps = case.logged.log, case.logged.log.max_length
    number = np.searchsorted(SLATES @ _DIGITS, log.slate @ _DIGITS).ravel()
    action = np.searchsorted(case.slates[np.argsort(case.slates)], number)
    action = np.argsort(case.slates)[action]
    context = np.repeat(case.context, steps, axis=0)
    columns = {
        "arrival_ts": pd.to_datetime(log.labels.time[:, :, 0].ravel()),
        **{f"cli_{feature}": column for feature, column in enumerate(context.T)},
        **{f"op_{place}_elig": 1 for place in range(len(case.slates))},
        "action": [f"op_{place}" for place in action],
        "reward": log.earned.sum(axis=2).ravel(),
    }
    return pd.DataFrame(columns).sort_values("arrival_ts", kind="stable", ignore_index=True)


def by_skdr_eval(case: Case) -> tuple[Answer, Answer]:
    """The answers of `recommendation` and of the gate of the command line."""
    import skdr_eval

    rows = rows_of(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, on rare actions
        artifact = skdr_eval.evaluate_sklearn_models(
            rows,
            {"new": _Model(case)},
            fit_models=False,
            policy_train="all",
            y_col="reward",
            ci_bootstrap=True,
            baseline="logged",
        )
    of = {row["estimator"]: row for row in artifact.report.to_dict("records")}["SNDR"]
    advice = artifact.recommendation("new", estimator="SNDR", baseline=rows["reward"].mean())
    verdicts = [
        artifact.recommendation("new", estimator=name).verdict for name in artifact.detailed["new"]
    ]
    num_steps, logged = case.logged.log.max_length, case.logged
    value, logged_value = logged.value / num_steps, logged.logged_value / num_steps
    answer = Answer(
        of["support_health"] == "ok",
        advice.verdict == "deploy",
        _holds((of["ci_lower"], of["ci_upper"]), value),
        _holds((of["delta_ci_lower"], of["delta_ci_upper"]), value - logged_value),
    )
    passed = not {"do_not_deploy", "insufficient_evidence"} & set(verdicts)
    return answer, answer._replace(deployed=passed)


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return bool(interval[0] <= truth <= interval[1])


TOOLS = ("recsim_tf", "skdr-eval", "skdr-eval, command")
HEAD = (
    *("logs", "number", "tool", "believed", "value held", "deployed", "value held", "gain held"),
    *("right deploys", "wrong deploys"),
)
_KEYS = (
    *("believed", "believed_held", "deployed", "deployed_value_held", "deployed_gain_held"),
    *("right_deploys", "wrong_deploys"),
)


def compare(sets: dict[str, int], num_sessions: int) -> tuple[dict[str, float], list[str]]:
    """Figures by name, and the lines of a table.

    Args:
      sets: the number of logs by the name of a set.
      num_sessions: the size of each log.
    """
    from threadpoolctl import threadpool_limits

    figures: dict[str, float] = {}
    rows: list[tuple[str, ...]] = [HEAD]
    for name, num_logs in sets.items():
        by_log: list[tuple[Answer, ...]] = []
        better = []
        for case in cases(name, num_logs, num_sessions):
            with threadpool_limits(1):  # Threads make these small fits slower.
                by_log.append((by_recsim_tf(case), *by_skdr_eval(case)))
            better.append(case.is_better)
        for tool, answers in zip(TOOLS, zip(*by_log, strict=True), strict=True):
            shares = _shares(list(answers), np.array(better))
            prefix = f"judges.skdr.{name}.{tool}"
            figures |= {f"{prefix}.{key}": share for key, share in shares.items()}
            cells = ("" if math.isnan(share) else f"{share:.2f}" for share in shares.values())
            rows.append((name, str(num_logs), tool, *cells))
    notes = [
        "Shares of the logs; those that hold are shares of the believed, and of the deployed. Right"
        " deploys are shares of the logs whose new policy earns more, wrong deploys of the others."
    ]
    return figures, [*text_table(rows, left=(0, 2)).splitlines(), *notes]


def _shares(answers: list[Answer], better: Array) -> dict[str, float]:
    """The shares of `_KEYS`; NaN where there is no log."""
    believed, deployed, value, gain = np.array(answers, bool).T

    def share(values: Array) -> float:
        return float(values.mean()) if len(values) else math.nan

    shares = (
        *(share(believed), share(value[believed])),
        *(share(deployed), share(value[deployed]), share(gain[deployed])),
        *(share(deployed[better]), share(deployed[~better])),
    )
    return dict(zip(_KEYS, shares, strict=True))
