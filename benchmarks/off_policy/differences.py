# SPDX-License-Identifier: Apache-2.0
"""Do intervals of the difference of two policies hold, where both are believed?

Which of two new policies is better is what an experiment asks. The visitors are those of
`believed.py`, and so are their policies: one that shows more of what visitors like, and others. A
model of the visitors is right, of another slope, of another level, or fitted to the log. The
difference is that of `calibrated`, and that of the surest estimator, `Results.difference`.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from off_policy import believed
from sections import Section, Settings, section

import recsim_tf
from recsim_tf import ope

_PROMISED = 0.92
_LEAST_BELIEVED = 0.1  # the share of logs in which a word is given, for a coverage that counts
_STEPS = believed.World(0.6, 4, 500)
_SLATE = believed.World(0.6, 1, 1500, logged=0.5)


class Case(NamedTuple):
    """A model, a world, and the sharpness of two policies that are compared in it."""

    world: believed.World
    first: float
    second: float
    slope: float | None = 1.0  # of the model, whose level meets the log's mean; None for a fit
    level: float = 0.0  # that is added to the model's


_CASES = {
    "right, both sides": Case(_STEPS, 0.7, -0.1),
    "right, one side": Case(_STEPS, 0.8, 0.55),
    "right, one step": Case(_SLATE, 1.1, -0.3),
    "slope 0.8, both sides": Case(_STEPS, 0.7, -0.1, 0.8),
    "slope 0.8, one step": Case(_SLATE, 1.1, -0.3, 0.8),
    "slope 0.6, one side": Case(_STEPS, 0.8, 0.55, 0.6),
    "slope 0.5, one step": Case(_SLATE, 1.1, -0.3, 0.5),
    "slope 1.3, both sides": Case(_STEPS, 0.7, -0.1, 1.3),
    "slope 1.3, one step": Case(_SLATE, 1.1, 0.8, 1.3),
    "more clicks": Case(_STEPS, 0.7, -0.1, 1.0, 0.1),
    "fitted to the log": Case(_STEPS, 0.7, -0.1, None),
}
_QUICK = ("right, one step", "slope 0.5, one step")


def measure(settings: Settings) -> Section:
    """Coverage of the difference of two policies by model and policies."""
    figures: dict[str, float] = {}
    rows = [("model and policies", "both believed", "calibrated holds", "surest holds", "by")]
    for name, case in _CASES.items():
        if settings.quick and name not in _QUICK:
            continue
        shares, used = _shares(case, settings)
        figures |= {f"difference.{name}.{key}": value for key, value in shares.items()}
        cells = ("" if math.isnan(value) else f"{value:.2f}" for value in shares.values())
        rows.append((name, *cells, ", ".join(f"{by} {count}" for by, count in used.items())))
    held = [
        figures[f"difference.{name}.{key}"]
        for name in _CASES
        for key in ("calibrated", "surest")
        if figures.get(f"difference.{name}.believed", 0.0) >= _LEAST_BELIEVED
    ]
    figures["difference.least_coverage"] = min(held, default=math.nan)
    notes = ["Shares of logs; those that hold are shares of logs in which both are believed."]
    bars = {"difference.least_coverage": (_PROMISED, 1.0)}
    return section(settings, "Differences of two policies", rows, figures, bars, notes, left=(0, 4))


def _shares(case: Case, settings: Settings) -> tuple[dict[str, float], Mapping[str, int]]:
    """Shares of logs, and in how many each estimator is the surest."""
    num_logs = 2 if settings.quick else 40
    num_truth = 2_000 if settings.quick else 400_000
    world, policies = case.world, {"first": case.first, "second": case.second}
    first, second = (
        ope.truth(world.simulator, world.policy(each), world.num_steps, num_truth, seed=7).value
        for each in policies.values()
    )
    model = None if case.slope is None else _model(world, case.slope, case.level)
    believed_both, held, surest_held, used = [], [], [], {}
    for log in believed.logs_of(world, num_logs, settings, with_target=False):
        results = ope.compare(
            {name: world.policy(sharpness) for name, sharpness in policies.items()},
            log,
            ("snips", "calibrated"),
            model=believed.fitted(log) if model is None else model,
            logging=world.logging,
            num_simulated=200 if settings.quick else 5000,
        )
        one, other = (results[name]["calibrated"] for name in policies)
        believed_both.append(one.verdict.is_promise and other.verdict.is_promise)
        if believed_both[-1]:
            held.append(_holds(one.difference(other, 0.95), first - second))
        surest = results.difference("first", "second")
        if surest is not None and all(
            results[name][surest[0]].verdict.is_promise for name in policies
        ):
            surest_held.append(_holds(surest[1], first - second))
            used[surest[0]] = used.get(surest[0], 0) + 1
    shares = {
        "believed": float(np.mean(believed_both)),
        "calibrated": float(np.mean(held)) if held else math.nan,
        "surest": float(np.mean(surest_held)) if surest_held else math.nan,
    }
    return shares, used


def _holds(gain: Any, difference: float) -> bool:
    return gain.interval[0] <= difference <= gain.interval[1]


def _model(world: believed.World, slope: float, added: float) -> recsim_tf.Simulator:
    """Visitors of a slope, whose level is the one that meets the mean of the log, and more."""
    level = believed.level_of_slope(world, slope) if slope != 1 else world.level
    return believed.simulator_of(level + added, slope)
