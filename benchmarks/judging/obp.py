# SPDX-License-Identifier: Apache-2.0
"""obp's estimators beside `recsim_tf.ope`, and obp's tests of estimators."""

import dataclasses
import warnings
from typing import Any

import numpy as np
from judging.test_files import run_tests
from judging.verdicts import Settings, Verdict, attempts, judge, together

_LARGEST_DIFFERENCE = 1e-6
_TESTS = ("all_estimators", "*ipw*", "dm_*", "dr_*", "meta*", "offline_estimation_performance")


@judge("obp estimators", "obp")
def _by_estimators(settings: Settings) -> Verdict:
    from judging import obp_answers
    from obp import ope

    rng = np.random.default_rng(0)
    items, slates = _items(rng, 1000), _slates(rng, 300)
    estimators = {name: _estimator(getattr(ope, name)) for name in obp_answers.ANSWERS}

    def estimate(name: str) -> float:
        feedback = slates if "Slate" in name else items
        if name == "ReplayMethod":  # It wants a deterministic policy.
            best = items["action_dist"] == items["action_dist"].max(axis=1, keepdims=True)
            feedback = items | {"action_dist": best.astype(float)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas, by what obp calls
            return estimators[name].estimate_policy_value(**feedback)

    by_obp = {name: estimate(name) for name in estimators}
    obp_answers.answer()

    def attempt(name: str) -> None:
        value = estimate(name)
        if not abs(value / by_obp[name] - 1) <= _LARGEST_DIFFERENCE:
            raise ValueError(f"{value} here, {by_obp[name]} there")

    agreeing, faults = attempts(list(estimators), attempt)
    said = f"{agreeing} of {len(estimators)} estimators agree to {_LARGEST_DIFFERENCE}"
    return Verdict(said, {"judges.obp": agreeing}, faults)


@judge("obp tests", "obp")
def _by_tests(settings: Settings) -> Verdict:
    if settings.obp_tests is None:
        raise ImportError("registries have no tests, --obp_repo=FOLDER has them")
    folder = settings.obp_tests
    files = sorted({path for name in _TESTS for path in folder.glob(f"test_{name}.py")})
    files = files[: 1 if settings.quick else None]
    by_obp, here = run_tests(files), run_tests(files, plugin="judging.obp_answers")
    # They quote the words of errors of an older scikit-learn.
    by_both = [name for name in here if here[name] and by_obp[name]]
    faults = [f"{name}: {here[name]}" for name in sorted(here) if here[name] and not by_obp[name]]
    said = (
        f"{sum(not fault for fault in here.values())} of {len(here)} pass; {len(by_both)} fail"
        " with obp's own estimators too"
    )
    return Verdict(said, {"judges.obp_tests_failed": len(faults)}, faults)


measure = together(_by_estimators, _by_tests)


def _estimator(kind: type) -> Any:
    """An estimator of obp, with a lambda_ that matters and the sizes of `_slates`."""
    lambda_ = 0.5 if "SubGaussian" in kind.__name__ else 1.5
    arguments = {"lambda_": lambda_, "len_list": 3, "n_unique_action": 5}
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in arguments.items() if name in names})


def _items(rng: np.random.Generator, number: int) -> dict[str, np.ndarray]:
    """Feedback on single items of two loggers."""
    rows, stratum = np.arange(number), np.arange(number) % 2
    *loggers, target = rng.dirichlet(np.ones(5), size=[3, number])
    by_stratum = np.array(loggers)[stratum, rows]
    action = np.array([rng.choice(5, p=probs) for probs in by_stratum])
    return {
        "action": action,
        "reward": rng.binomial(1, 0.3 + 0.1 * action),
        "stratum_idx": stratum,
        "pscore": by_stratum[rows, action],
        "pscore_avg": np.mean(loggers, axis=0)[rows, action],
        "action_dist": target[:, :, np.newaxis],
        "estimated_rewards_by_reg_model": rng.uniform(size=[number, 5, 1]),
        "estimated_importance_weights": rng.uniform(0, 3, size=number),
    }


def _slates(rng: np.random.Generator, number: int) -> dict[str, np.ndarray]:
    """Feedback on slates of three of five items."""
    feedback = {
        "slate_id": np.repeat(np.arange(number), 3),
        "position": np.tile(np.arange(3), number),
        "action": rng.permuted(np.tile(np.arange(5), [number, 1]), axis=1)[:, :3].ravel(),
        "reward": rng.binomial(1, 0.5, size=3 * number),
        "q_hat": rng.uniform(size=3 * number * 5),
        "evaluation_policy_action_dist": rng.dirichlet(np.ones(5), size=3 * number).ravel(),
    }
    for prefix in ("", "evaluation_policy_"):
        probs = rng.uniform(0.2, 0.6, size=[number, 3])
        cascade = np.cumprod(probs, axis=1)
        feedback[f"{prefix}pscore_item_position"] = probs.ravel()
        feedback[f"{prefix}pscore_cascade"] = cascade.ravel()
        feedback[f"{prefix}pscore"] = np.repeat(cascade[:, -1], 3)
    return feedback
