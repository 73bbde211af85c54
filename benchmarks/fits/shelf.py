# SPDX-License-Identifier: Apache-2.0
"""Shelf: what order explains of what households buy, beside their tastes.

Models of `examples/recipes/shelf.py` are fitted by Halton points, which integrate the tastes out.
The static self has tastes alone. Both are fitted again to logs in which the purchases of each
household are shuffled: what loyalty adds there is tastes that normal ones do not hold.

yogurt: purchases of households among four brands (Jain, Vilcassim and Chintagunta 1994). Other
households are those of --test, or a random fifth, which is not fitted then.

margarine: purchases among ten brands, with prices alone (package bayesm). Loyalty gains as much
where purchases are shuffled, so the log does not show order.

electricity: the panel of Revelt and Train 2000, with the points of the published fit.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import processes
from recipes import shelf as world
from sections import Section, Settings, section

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Draws, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.predictions.choices import (
    logged_clicks,
    predict_choices,
)
from recsim_tf.fitting.validation import shuffle_steps
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import guesses
from recsim_tf.logs import Log
from recsim_tf.support.means import Mean

_STATIC = {"users.habit": 0.0, "users.inertia": 0.0, "users.memory": 0.7}
_DRAWS = {"yogurt": 400, "margarine": 64, "electricity": 600}
_HELD_OUT, _PREDICTED_DRAWS = 0.2, 2000
_ELECTRICITY = ("pf", "cl", "loc", "wk", "tod", "seas")
# The published fit by 600 Halton points, on the page of xlogit (Arteaga et al. 2022, "xlogit: An
# open-source Python package for GPU-accelerated estimation of mixed logit models").
_PUBLISHED = -3888.413
_PUBLISHED_TASTE = (-0.9996286, -0.2355334, 2.2307891, 1.6251657, -9.6067367, -9.7892800)
_PUBLISHED_SPREAD = (0.2357813, 0.4025377, 1.9262893, 1.2192931, 2.3354462, 1.4200913)
_TASTE_ERROR = (0.0331488, 0.0220401, 0.1164263, 0.0918755, 0.3112721, 0.2913063)
_SPREAD_ERROR = (0.0181892, 0.0220183, 0.1187850, 0.0944581, 0.1741859, 0.2095869)
_BARS = {
    "shelf.yogurt": (0.0, 0.605),
    "shelf.yogurt_gain": (0.06, np.inf),
    "shelf.train_gain": (150.0, np.inf),
    "shelf.train_gain_shuffled": (-np.inf, 5.0),
    "electricity.halton_600": (_PUBLISHED - 0.5, _PUBLISHED + 0.5),
    "electricity.max_z": (0.0, 1.5),
}


def read_margarine(path: Path) -> Log:
    """The log of the file of bayesm, which has a row a purchase and a column a brand's price: the
    logarithms of prices in dollars.
    """
    wide = pd.read_csv(path).reset_index(names="chid")
    brands = [name for name in wide.columns if name.endswith(("_Stk", "_Tub"))]
    table = wide.melt(["hhid", "chid", "choice"], brands, "alt", "price")
    is_chosen = table["alt"] == np.asarray(brands)[table["choice"] - 1]
    table = table.assign(choice=is_chosen.astype(int), price=np.log(table["price"] + 1e-3))
    return world.read_shelf(table.sort_values(["chid", "alt"]), ("price",), session="hhid")


def fit_shelf(
    simulator: Simulator, parameters: Mapping[str, Parameter], log: Log, draws: int, quick: bool
) -> FitResult:
    """A fit by Halton points."""
    method = Draws(
        3 if quick else draws,
        points="halton",
        jit_compile=not quick,
        search=LBFGS(2 if quick else 100, batch_size=20, progress=False),
        uncertainty=None,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*effective draws.*")
        return fit(simulator, parameters, log, method=method)


def pair(log: Log, draws: int, quick: bool) -> dict[str, FitResult]:
    """The static self and the whole model, which starts from it."""
    brands, attributes = log.slate_size, log.hidden.shape[-1]
    simulator = world.shelf(brands, attributes)
    parameters = world.shelf_parameters(brands, attributes)
    fixed = {name: Parameter(value, fixed=True) for name, value in _STATIC.items()}
    static = fit_shelf(simulator, {**parameters, **fixed}, log, draws, quick)
    # From the static self, since the likelihood has several maxima.
    tastes = {name: Parameter(static.values()[name]) for name in ("users.taste", "users.spread")}
    order = fit_shelf(simulator, {**parameters, **tastes}, log, draws, quick)
    return {"static": static, "order": order}


def scores(
    results: Mapping[str, FitResult], train: Log, other: Log, seed: int, quick: bool
) -> dict[str, list[float]]:
    """The log-probabilities of the purchases of each other household, sums [S], by model and guess;
    and "purchases", their number.
    """
    number = 3 if quick else _PREDICTED_DRAWS
    by_step = {
        name: predict_choices(result.simulator, other, 10, number, seed).log_prob
        for name, result in results.items()
    }
    clicked = [
        logged_clicks(predict_choices(results["order"].simulator, log, num_draws=2), log)
        for log in (train, other)
    ]
    events = [Events.of(log, each) for log, each in zip((train, other), clicked, strict=True)]
    for name, probs in guesses(*events, seed).items():
        by_step[name] = _of_slates(events[1], probs, other)
    sums = {name: np.where(other.active, each, 0).sum(axis=1) for name, each in by_step.items()}
    return {name: each.tolist() for name, each in (sums | {"purchases": other.length}).items()}


def _of_slates(events: Events, probs: np.ndarray, log: Log) -> np.ndarray:
    """The log-probabilities [S, T] of what was bought, by probabilities of each alternative that
    are made to sum to one.
    """
    table = np.zeros(log.shown.shape)
    table[events.session, events.step, events.position] = probs
    chosen = np.zeros(log.shown.shape)
    chosen[events.session, events.step, events.position] = events.clicked
    total = np.where(log.active, table.sum(axis=2), 1.0)
    return np.log(np.where(log.active, (table * chosen).sum(axis=2), 1.0) / total)


def electricity(folder: Path, quick: bool) -> tuple[float, float, FitResult]:
    """The log-likelihood at 600 Halton points, and the largest distance of a coefficient from the
    published one in published standard errors. Spreads are positive there, as in that fit but for
    signs: with these points each choice of signs has a maximum of its own. The search begins at
    the logit of one taste for all households, since it has other maxima, up to 33 nats below.
    """
    log = world.read_shelf(folder / "electricity.csv", _ELECTRICITY)
    if quick:
        log = log.take(range(5))
    simulator = world.shelf(log.slate_size, len(_ELECTRICITY), brand_tastes=False)
    number = len(_ELECTRICITY)
    none = Parameter(np.full(number, 1e-3), "positive", fixed=True)
    parameters = {"users.taste": Parameter(np.zeros(number)), "users.spread": none}
    logit = fit_shelf(simulator, parameters, log, 3, quick)
    parameters = {
        "users.taste": Parameter(logit.values()["users.taste"]),
        "users.spread": Parameter(np.full(number, 0.3), "positive"),
    }
    result = fit_shelf(simulator, parameters, log, _DRAWS["electricity"], quick)
    values = result.values()
    distances = [
        np.abs(np.abs(values[f"users.{name}"]) - np.abs(published)) / error
        for name, published, error in (
            ("taste", _PUBLISHED_TASTE, _TASTE_ERROR),
            ("spread", _PUBLISHED_SPREAD, _SPREAD_ERROR),
        )
    ]
    assert result.climbed_log_likelihood is not None
    return result.climbed_log_likelihood, float(np.max(distances)), result


class Task(NamedTuple):
    """The task of a process: fits of one panel. XLA keeps all that it compiles as long as a process
    lives, and many fits in one are too many.
    """

    folder: str
    panel: str
    seed: int
    quick: bool
    is_shuffled: bool = False
    is_split: bool = False  # whether a part of the households is kept apart
    test: str = ""  # a file of other households


def timed(task: Task) -> dict[str, Any]:
    """Log-likelihoods in training, nats; the estimates in words; and `scores` of households who are
    kept apart.
    """
    started, folder = time.process_time(), Path(task.folder)
    if task.panel == "electricity":
        log_likelihood, distance, result = electricity(folder, task.quick)
        content = {"log_likelihood": log_likelihood, "max_z": distance}
        return content | _told(task.panel, result, started)
    path = folder / f"{task.panel}.csv"
    log = world.read_shelf(path) if task.panel == "yogurt" else read_margarine(path)
    if task.quick:
        log = log.take(slice(20))
    if task.is_shuffled:
        log = shuffle_steps(log, task.seed)
    other = world.read_shelf(task.test) if task.test else None
    if task.is_split:
        log, other = log.split(_HELD_OUT, task.seed)
    results = pair(log, _DRAWS[task.panel], task.quick)
    content = {name: each.climbed_log_likelihood for name, each in results.items()}
    if other is not None:
        content["scores"] = scores(results, log, other, task.seed, task.quick)
    return content | _told(task.panel, results["order"], started)


def _told(name: str, result: FitResult, started: float) -> dict[str, Any]:
    values = result.values()
    parts = (f"{each.removeprefix('users.')} {np.round(values[each], 3)}" for each in values)
    text = f"{name}: {', '.join(parts)}; {result.ending}."
    return {"estimates": text, "seconds": time.process_time() - started}


def shelf(settings: Settings) -> Section:
    """Fits and scores of all three panels."""
    folder = Path(settings.path or "data")
    for name in _DRAWS:
        if not (folder / f"{name}.csv").is_file():
            raise SystemExit(f"path must be a folder with {name}.csv, got {folder}")
    seconds = []

    def run(panel: str, **fields: Any) -> dict[str, Any]:
        task = Task(str(folder), panel, settings.seed, settings.quick, **fields)
        result = processes.run_worker(__name__, task._asdict(), False)
        seconds.append(result["seconds"])
        return result

    test = settings.test[0] if settings.test else ""
    in_order = {"yogurt": run("yogurt", test=test), "margarine": run("margarine")}
    shuffled = {name: run(name, is_shuffled=True) for name in in_order}
    gains = {
        name: [each["order"] - each["static"] for each in (in_order[name], shuffled[name])]
        for name in in_order
    }
    apart = in_order["yogurt"] if test else run("yogurt", is_split=True)
    panel = run("electricity")
    means = _means(apart["scores"])
    figures = {
        "shelf.yogurt": -means["order"][0].value,
        "shelf.yogurt_gain": means["order"][1].value,
        "shelf.train_gain": gains["yogurt"][0],
        "shelf.train_gain_shuffled": gains["yogurt"][1],
        "shelf.margarine_gain": gains["margarine"][0],
        "shelf.margarine_gain_shuffled": gains["margarine"][1],
        "electricity.halton_600": panel["log_likelihood"],
        "electricity.max_z": panel["max_z"],
    }
    rows: list[Sequence[str]] = [("training, nats", "static", "order", "gain", "shuffled gain")]
    for name, each in in_order.items():
        cells = (each["static"], each["order"], *gains[name])
        rows.append((name, *(f"{cell:.1f}" for cell in cells)))
    notes = ["", "Yogurt, other households, nats a purchase, and the gain over the static self:"]
    for name, (mean, over) in means.items():
        notes.append(
            f"  {name:26} {-mean.value:.4f} ± {mean.standard_error:.4f}"
            f"   {over.value:+.4f} ± {over.standard_error:.4f}"
        )
    told = [*in_order.values(), shuffled["yogurt"], shuffled["margarine"], panel]
    notes += [each["estimates"] for each in told]
    notes += [f"{sum(seconds):,.0f} CPU seconds."]
    title = (
        "Households and what they buy, by {yogurt}, {margarine} and {electricity} points".format(
            **_DRAWS
        )
    )
    return section(settings, title, rows, figures, _BARS, notes)


def _means(scores: Mapping[str, list[float]]) -> dict[str, tuple[Mean, Mean]]:
    """The mean log-probability of a purchase of other households, and its gain over the static
    self, by model and guess.
    """
    sums = {name: np.asarray(each) for name, each in scores.items()}
    counts = sums.pop("purchases")
    return {
        name: (Mean.of_ratio(each, counts), Mean.of_ratio(each - sums["static"], counts))
        for name, each in sums.items()
    }
