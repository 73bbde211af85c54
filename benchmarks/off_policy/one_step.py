# SPDX-License-Identifier: Apache-2.0
"""Errors and coverages of estimators in slates of users of four kinds, from logs of 1,000 sessions
of a policy that is three times less sharp.
"""

import time

import numpy as np
from off_policy.studies import study as study_of
from off_policy.worlds import WORLDS, affine, cells
from sections import Section, Settings, section

from recsim_tf import ope

_SIZE, _NUM_LOGS, _NUM_TRUTH = 1000, 400, 400_000
_SHARPNESS, _NEAR_GREEDY = 3.0, 12.0
_ESTIMATORS = (
    *("ips", "snips", "iips", "sniips", "rips", "snrips", "set_ips", "snset_ips"),
    *("dr", "set_dr", "cascade_dr"),
)
# In fewer logs, since all slates of each context are enumerated, and where they tell something.
_LINEAR, _LOGS_OF_LINEAR = ("pi", "wpi", "pi_dr"), 100
_WITH_LINEAR = ("multinomial", "independent")
_FOR_CASCADES = ("ips", "snips", "rips", "snrips", "dr", "cascade_dr")
# Those that assume no more than the users do.
_UNBIASED = {
    "multinomial": ("ips", "snips", "set_ips", "snset_ips", "dr", "set_dr"),
    "cascade": _FOR_CASCADES,
    "several_clicks": _FOR_CASCADES,
    "independent": (*_FOR_CASCADES, "iips", "sniips"),
}


def measure(settings: Settings) -> Section:
    num_logs = 3 if settings.quick else _NUM_LOGS
    studies, linear, seconds = {}, {}, {}
    for name, world in WORLDS.items():
        begun = time.process_time()
        studies[name] = _study(settings, world, _SHARPNESS, num_logs, _ESTIMATORS)
        if name in _WITH_LINEAR:
            few = min(num_logs, _LOGS_OF_LINEAR)
            linear[name] = _study(settings, world, _SHARPNESS, few, ("ips", *_LINEAR))
        seconds[name] = time.process_time() - begun
    near = _study(settings, WORLDS["multinomial"], _NEAR_GREEDY, min(num_logs, 40), _ESTIMATORS[:8])
    figures = {f"one_step.{name}": value for name, value in _figures(studies, linear, near).items()}
    figures |= {
        f"one_step.{world}.{row.estimator}.{field}": getattr(row, field)
        for world, study in {**studies, "near_greedy": near, **_few(linear)}.items()
        for row in study.rows
        for field in ("bias", "bias_error", "error", "coverage")
    }
    bars = {
        "one_step.cascade.rips_vs_ips": (0.0, 0.75),
        "one_step.several_clicks.rips_vs_ips": (0.0, 0.75),
        "one_step.cascade.cascade_dr_vs_rips": (0.0, 0.9),
        "one_step.several_clicks.cascade_dr_vs_rips": (0.0, 0.9),
        "one_step.cascade.iips_bias": (0.1, np.inf),
        "one_step.cascade.iips_contradicted": (0.85, 1.0),
        "one_step.independent.iips_vs_ips": (0.0, 0.75),
        "one_step.multinomial.pi_bias": (-0.02, 0.02),
        "one_step.multinomial.pi_bias_error": (0.0, 0.01),
        "one_step.multinomial.set_dr_vs_ips": (0.0, 0.65),
        "one_step.multinomial.pi_dr_vs_ips": (0.0, 0.65),
        "one_step.near_greedy.set_vs_ips": (0.0, 0.75),
        "one_step.coverage.least": (0.9, 0.99),
        "one_step.coverage.largest": (0.9, 0.99),
        "one_step.contradictions": (0.85, 1.0),
    }
    rows = [("users", "estimator", "bias %", "error %", "coverage", "believed")]
    for world, study in {**studies, "near greedy": near, **_few(linear)}.items():
        rows += [cells(world, row.estimator, row) for row in study.rows]
    title = f"{num_logs} logs of {_SIZE:,} sessions; CPU seconds: " + ", ".join(
        f"{name} {value:.0f}" for name, value in seconds.items()
    )
    readings = {name: study.readings[_SIZE] for name, study in studies.items()}
    return section(settings, title, rows, figures, bars, details={"readings": readings})


def _few(linear):
    return {f"{name}_in_{_LOGS_OF_LINEAR}_logs": study for name, study in linear.items()}


def _study(settings, world, sharpness, num_logs, estimators):
    q = ope.SimulatedQ(world, num_sessions=500 if settings.quick else 20_000, seed=settings.seed)
    return study_of(
        world,
        affine(1.0),
        affine(sharpness),
        (_SIZE,),
        estimators,
        num_logs=num_logs,
        q=q,
        num_truth=2000 if settings.quick else _NUM_TRUTH,
        seed=settings.seed,
    )


def _figures(studies, linear, near):
    def ratio(study, numerator, denominator):
        return study[numerator, _SIZE].error / study[denominator, _SIZE].error

    figures = {}
    for world in ("cascade", "several_clicks"):
        figures[f"{world}.rips_vs_ips"] = ratio(studies[world], "rips", "ips")
        figures[f"{world}.cascade_dr_vs_rips"] = ratio(studies[world], "cascade_dr", "rips")
    iips = studies["cascade"]["iips", _SIZE]
    multinomial, several = studies["multinomial"], studies["several_clicks"]
    coverages = [
        studies[world][name, _SIZE].coverage for world, names in _UNBIASED.items() for name in names
    ]
    return {
        **figures,
        "cascade.iips_bias": iips.bias,
        "cascade.iips_contradicted": 1 - studies["cascade"].readings[_SIZE].get("position", 0.0),
        "independent.iips_vs_ips": ratio(studies["independent"], "iips", "ips"),
        # The mean of so many logs is the estimate from all of their sessions.
        "multinomial.pi_bias": linear["multinomial"]["pi", _SIZE].bias,
        "multinomial.pi_bias_error": linear["multinomial"]["pi", _SIZE].bias_error,
        "multinomial.set_dr_vs_ips": ratio(multinomial, "set_dr", "ips"),
        "multinomial.pi_dr_vs_ips": ratio(linear["multinomial"], "pi_dr", "ips"),
        "near_greedy.set_vs_ips": ratio(near, "snset_ips", "snips"),
        "coverage.least": min(coverages),
        "coverage.largest": max(coverages),
        "contradictions": several.readings[_SIZE].get("prefix", 0.0),
    }
