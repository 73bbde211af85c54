# SPDX-License-Identifier: Apache-2.0
"""Sessions of interest evolution, where weights break and a model does not care: logs of 1,000
sessions in four settings, fits to such logs, and SlateQ judged from a Plackett-Luce log.
"""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from off_policy.studies import StudyRow
from off_policy.studies import study as study_of
from off_policy.worlds import cells
from sections import Section, Settings, section

import recsim_tf
from recsim_tf import fitting, logs, ope
from recsim_tf.adapters.tf_agents import SavedPolicy
from recsim_tf.choice import MultinomialProportional
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.policies import Deterministic, PlackettLucePolicy

_SIZE, _NUM_TRUTH, _NUM_FITS, _NUM_SEEDS = 1000, 200_000, 20, 5
_SLATE_SIZE = 3
_WEIGHTED = ("tis", "ips", "snips", "dr", "sndr")


def _world(mass: float = 1.0, drift: float = 0.3, budget: float = 200.0) -> recsim_tf.Simulator:
    """Interest evolution. A wrong model has another mass of no click, or another drift of interests
    after a click.
    """
    users = InterestEvolutionUsers(
        choice_model=MultinomialProportional(no_click_mass=mass, min_normalizer=-1.25),
        time_budget=budget,
        alpha_y_intercept=drift,
    )
    return recsim_tf.interest_evolution(slate_size=_SLATE_SIZE, num_candidates=10, users=users)


def _policy(sharpness: float, of_quality: float = 0.0) -> PlackettLucePolicy:
    """Shows what users like, and videos of good topics, which keep users longer."""
    quality = UtilityVideos().mean_quality()

    def logits(seen: recsim_tf.Observation) -> tf.Tensor:
        liked = tf.linalg.matvec(seen.documents, seen.user)
        return sharpness * liked + of_quality * tf.linalg.matvec(seen.documents, quality)

    return PlackettLucePolicy.of_logits(logits, _SLATE_SIZE)


class _Setting(NamedTuple):
    policy: Any  # to judge, from logs of `_policy(1.0)`
    num_steps: int
    num_logs: int
    is_believable: bool  # whether weights are
    budget: float = 200.0


_SETTINGS = {
    "ten": _Setting(_policy(1.5), 10, 20, True),
    "ten_sharper": _Setting(_policy(3.0), 10, 20, False),
    "sixty": _Setting(_policy(1.5), 60, 8, False),
    "whole": _Setting(_policy(1.0, 0.5), 60, 12, False, 40.0),
}
_WRONG = {"mass": 0.3, "drift": 0.1}


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    rows = [("setting", "estimator", "bias %", "error %", "coverage", "believed")]
    agreed = []
    for name, setting in _SETTINGS.items():
        studies = _studies(settings, setting)
        for (model, estimator), row in studies.items():
            key = f"{name}.{estimator}{model and f'_{model}'}"
            figures |= {f"{key}_{one}": getattr(row, one) for one in ("bias", "error", "coverage")}
            rows.append(cells(name, f"{estimator} {model}", row))
        believed = studies["", "snips"].believed
        agreed.append(believed if setting.is_believable else 1 - believed)
    figures |= _over_seeds(settings, rows)
    figures |= _fitted(settings, rows)
    figures |= _slate_q(settings, rows)
    figures |= {
        "ten.sn_pdis_error": figures["ten.snips_error"],
        "ten.dr_wrong_model_vs_pdis": figures["ten.dr_wrong_error"] / figures["ten.ips_error"],
        "believed": 20 * float(np.mean(agreed)),
        "calibrated_error": max(figures[f"{one}.calibrated_wrong_error"] for one in _SETTINGS),
        "whole.simulated_error": figures["whole.simulated_right_error"],
    }
    figures = {f"sessions.{name}": value for name, value in figures.items()}
    bars = {
        "sessions.ten.sn_pdis_error": (0.0, 0.02),
        "sessions.ten.dr_wrong_model_vs_pdis": (0.0, 0.6),
        "sessions.believed": (18.0, 20.0),
        "sessions.calibrated_error": (0.0, 0.025),
        "sessions.whole.simulated_error": (0.0, 0.005),
        "sessions.fitted.calibrated_rmse": (0.0, 0.008),
        "sessions.fitted.intervals_hold": (17.0, 20.0),
    }
    return section(settings, f"Logs of {_SIZE:,} sessions", rows, figures, bars)


def _studies(settings: Settings, setting: _Setting) -> dict[tuple[str, str], StudyRow]:
    """Rows by model, "" for none, and estimator."""
    world, wrong = _world(budget=setting.budget), _world(**_WRONG, budget=setting.budget)
    rows_by_model = {}
    for model, name, estimators in (
        (wrong, "wrong", (*_WEIGHTED, "simulated", "calibrated")),
        (world, "right", ("dr", "sndr", "simulated", "calibrated")),
    ):
        q = ope.SimulatedQ(model, num_sessions=200 if settings.quick else 2000, seed=settings.seed)
        study = study_of(
            world,
            _policy(1.0),
            setting.policy,
            (100 if settings.quick else _SIZE,),
            estimators,
            num_logs=2 if settings.quick else setting.num_logs,
            num_steps=2 if settings.quick else setting.num_steps,
            model=model,
            q=q,
            num_truth=1000 if settings.quick else _NUM_TRUTH,
            seed=settings.seed,
        )
        for row in study.rows:
            needs_model = row.estimator in ("dr", "sndr", "simulated", "calibrated")
            rows_by_model[name if needs_model else "", row.estimator] = row
    return rows_by_model


def _over_seeds(settings: Settings, rows: list) -> dict[str, float]:
    """The errors of a setting whose weights are heavy, over logs of several seeds: the median, the
    least and the largest.
    """
    setting, num_seeds = _SETTINGS["ten_sharper"], 2 if settings.quick else _NUM_SEEDS
    errors: dict[str, list[float]] = {}
    # A model is simulated beside each log alone, which takes ten times as long.
    for estimators, num_logs in ((("ips", "snips"), 40), (("simulated", "calibrated"), 10)):
        for number in range(num_seeds):
            study = study_of(
                _world(),
                _policy(1.0),
                setting.policy,
                (100 if settings.quick else _SIZE,),
                estimators,
                num_logs=2 if settings.quick else num_logs,
                num_steps=2 if settings.quick else setting.num_steps,
                model=_world(**_WRONG),
                num_truth=1000 if settings.quick else _NUM_TRUTH,
                seed=settings.seed + 1000 * (number + 1),
            )
            for row in study.rows:
                errors.setdefault(row.estimator, []).append(row.error)
    figures = {}
    for name, values in errors.items():
        middle, low, high = np.median(values), min(values), max(values)
        key = f"ten_sharper.{name}_error"
        figures |= {f"{key}_median": middle, f"{key}_least": low, f"{key}_largest": high}
        text = f"{100 * middle:.2f} ({100 * low:.2f} to {100 * high:.2f})"
        rows.append((f"ten_sharper, {len(values)} seeds", name, "", text, "", ""))
    return figures


def _fitted(settings: Settings, rows: list) -> dict[str, float]:
    """Judges by users that are fitted to each log, in their noise of a click and their drift."""
    number, size = (2, 100) if settings.quick else (_NUM_FITS, _SIZE)
    world, old, new = _world(), _policy(1.0), _SETTINGS["ten_sharper"].policy
    steps = 10
    truth = ope.truth(world, new, steps, 1000 if settings.quick else _NUM_TRUTH, settings.seed + 9)
    parameters = {
        "users.choice_model.no_click_mass": fitting.Parameter(0.5, "positive"),
        "users.alpha_y_intercept": fitting.Parameter(0.15, "positive"),
    }
    estimates = []
    for log_seed in range(number):
        trajectory = world.rollout(old, size, steps, 100 + settings.seed + log_seed)
        result = fitting.fit(_world(**_WRONG), parameters, logs.from_trajectory(trajectory))
        log = logs.from_trajectory(trajectory, world, logging=old)
        estimates.append(
            ope.evaluate(
                new, log, ("simulated", "calibrated"), model=result, logging=old, seed=log_seed
            )
        )
    figures = {}
    for name in ("simulated", "calibrated"):
        of_estimator = [each[name] for each in estimates]
        errors = np.array([each.value for each in of_estimator]) / truth.value - 1
        held = sum(each.interval[0] <= truth.value <= each.interval[1] for each in of_estimator)
        figures[f"fitted.{name}_rmse"] = float(np.sqrt((errors**2).mean()))
        figures[f"fitted.{name}_intervals_hold"] = float(held)
        rows.append(
            (
                "fitted, ten_sharper",
                name,
                f"{100 * errors.mean():+.2f} ± {100 * errors.std(ddof=1) / number**0.5:.2f}",
                f"{100 * figures[f'fitted.{name}_rmse']:.2f}",
                f"{held / number:.2f}",
                f"{np.mean([each.verdict.is_promise for each in of_estimator]):.2f}",
            )
        )
    return {**figures, "fitted.intervals_hold": figures["fitted.calibrated_intervals_hold"]}


def _slate_q(settings: Settings, rows: list) -> dict[str, float]:
    """SlateQ, trained as in the quickstart, judged from logs of a Plackett-Luce policy."""
    iterations = 4 if settings.quick else 300
    bindings = [f"train.num_iterations = {iterations}", "Evaluation.num_users = 64"]
    bindings += ["experiment.num_users = 60"] if settings.quick else []
    with tempfile.TemporaryDirectory() as folder:
        text = config.load(["quickstart.gin"], bindings)
        building.train(RunDirectory(Path(folder) / "run", text))
        policy = Deterministic(SavedPolicy(_world(), Path(folder) / "run"))
        studies = _studies(settings, _Setting(policy, 10, 12, False))
    figures = {}
    for (model, estimator), row in studies.items():
        figures[f"slate_q.{estimator}{model and f'_{model}'}_error"] = row.error
        rows.append(cells("SlateQ, ten", f"{estimator} {model}", row))
    return {**figures, "slate_q.snips_believed": studies["", "snips"].believed}
