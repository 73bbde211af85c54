"""Shelf: what order explains of what households buy, beside their tastes.

Models of `recsim_tf.worlds.shelf` are fitted by Halton points, which integrate the tastes out. The
static self has tastes alone. Both are fitted again to logs in which the purchases of each household
are shuffled: what loyalty adds there is tastes that normal ones do not hold.

yogurt: purchases of households among four brands (Jain, Vilcassim and Chintagunta 1994). Other
households are those of --test, or each fifth in turn, which is not fitted then.

margarine: purchases among ten brands, with prices alone (package bayesm). Loyalty gains as much
where purchases are shuffled, so the log does not show order.

electricity: the panel of Revelt and Train 2000, with the points of the published fit.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sections import Section, Settings, section

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Draws, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.predictions.choices import (
    logged_clicks,
    mean_by_session,
    predict_choices,
)
from recsim_tf.fitting.validation import shuffle_steps
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import guesses
from recsim_tf.logs import Log
from recsim_tf.support.means import Mean
from recsim_tf.worlds import shelf as world

_STATIC = {"users.habit": 0.0, "users.inertia": 0.0, "users.memory": 0.7}
_DRAWS = {"yogurt": 400, "margarine": 200, "electricity": 600}
_FOLDS, _PREDICTED_DRAWS = 5, 2000
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
        search=LBFGS(2 if quick else 200, batch_size=10, progress=False),
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
    return {"static": static, "order": fit_shelf(simulator, parameters, log, draws, quick)}


def gain(results: Mapping[str, FitResult]) -> float:
    """The gain of order in training, nats, at the points that the searches had."""
    static, order = (results[name].climbed_log_likelihood for name in ("static", "order"))
    assert static is not None
    assert order is not None
    return order - static


def scores(results: Mapping[str, FitResult], train: Log, other: Log, seed: int, quick: bool):
    """The log-probabilities [S, T] of the purchases of other households, by model and guess."""
    number = 3 if quick else _PREDICTED_DRAWS
    predicted = {
        name: predict_choices(result.simulator, other, 10, number, seed)
        for name, result in results.items()
    }
    found = {name: each.log_prob for name, each in predicted.items()}
    clicked = [
        logged_clicks(predict_choices(results["order"].simulator, log, num_draws=2), log)
        for log in (train, other)
    ]
    events = [Events.of(log, each) for log, each in zip((train, other), clicked, strict=True)]
    for name, probs in guesses(*events, seed).items():
        found[name] = _of_slates(events[1], probs, other)
    return found


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
    signs: with these points each choice of signs has a maximum of its own.
    """
    log = world.read_shelf(folder / "electricity.csv", _ELECTRICITY)
    if quick:
        log = log.take(range(5))
    simulator = world.shelf(log.slate_size, len(_ELECTRICITY), brand_tastes=False)
    parameters = {
        "users.taste": Parameter(np.zeros(len(_ELECTRICITY))),
        "users.spread": Parameter(np.ones(len(_ELECTRICITY)), "positive"),
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


def shelf(settings: Settings) -> Section:
    """Fits and scores of all three panels."""
    started, quick, seed = time.process_time(), settings.quick, settings.seed
    folder = Path(settings.path or settings.data_dir)
    logs = {}
    for name, read in (("yogurt", world.read_shelf), ("margarine", read_margarine)):
        path = folder / f"{name}.csv"
        if not path.is_file():
            raise SystemExit(f"path must be a folder with {path.name}, got {folder}")
        logs[name] = read(path)
        if quick:
            logs[name] = logs[name].take(slice(20))
    rows: list[Sequence[str]] = [("training, nats", "static", "order", "gain", "shuffled gain")]
    gains, fits = {}, {}
    for name, log in logs.items():
        fits[name] = pair(log, _DRAWS[name], quick)
        mixed = pair(shuffle_steps(log, seed), _DRAWS[name], quick)
        gains[name] = gain(fits[name]), gain(mixed)
        cells = (f"{each.climbed_log_likelihood:.1f}" for each in fits[name].values())
        rows.append((name, *cells, *(f"{each:.1f}" for each in gains[name])))
    of_yogurt = kept_apart(logs["yogurt"], fits["yogurt"], settings)
    log_likelihood, distance, panel = electricity(folder, quick)
    figures = {
        "shelf.yogurt": -of_yogurt["order"][0].value,
        "shelf.yogurt_gain": of_yogurt["order"][1].value,
        "shelf.train_gain": gains["yogurt"][0],
        "shelf.train_gain_shuffled": gains["yogurt"][1],
        "shelf.margarine_gain": gains["margarine"][0],
        "shelf.margarine_gain_shuffled": gains["margarine"][1],
        "electricity.halton_600": log_likelihood,
        "electricity.max_z": distance,
    }
    notes = ["", "Yogurt, other households, nats a purchase, and the gain over the static self:"]
    for name, (mean, over) in of_yogurt.items():
        notes.append(
            f"  {name:26} {-mean.value:.4f} ± {mean.standard_error:.4f}"
            f"   {over.value:+.4f} ± {over.standard_error:.4f}"
        )
    notes += [_estimates(name, fits[name]["order"]) for name in fits]
    notes += [_estimates("electricity", panel)]
    notes += [f"{time.process_time() - started:,.0f} CPU seconds."]
    title = (
        "Households and what they buy, by {yogurt}, {margarine} and {electricity} points".format(
            **_DRAWS
        )
    )
    return section(settings, title, rows, figures, _BARS, notes)


def kept_apart(
    log: Log, results: Mapping[str, FitResult], settings: Settings
) -> dict[str, tuple[Mean, Mean]]:
    """The mean log-probability of a purchase of other households, and its gain over the static
    self, by model and guess.
    """
    quick, seed = settings.quick, settings.seed
    if settings.test:
        parts = [(results, log, world.read_shelf(settings.test[0]))]
    else:
        fold = np.random.default_rng(seed).permutation(log.num_sessions) % _FOLDS
        parts = []
        for number in range(1 if quick else _FOLDS):
            train, other = (
                log.take(np.flatnonzero(rows)) for rows in (fold != number, fold == number)
            )
            parts.append((pair(train, _DRAWS["yogurt"], quick), train, other))
    by_part = [scores(*part, seed, quick) for part in parts]
    counted = [other.active for _, _, other in parts]
    means = {}
    for name in by_part[0]:
        values = [part[name] for part in by_part]
        over = [part[name] - part["static"] for part in by_part]
        means[name] = _mean(values, counted), _mean(over, counted)
    return means


def _mean(values: Sequence[np.ndarray], counted: Sequence[np.ndarray]) -> Mean:
    """The mean over the steps of several logs, with errors by session."""
    length = max(each.shape[1] for each in values)
    padded, masks = (
        np.concatenate([np.pad(each, [(0, 0), (0, length - each.shape[1])]) for each in arrays])
        for arrays in (values, counted)
    )
    return mean_by_session(padded, masks)


def _estimates(name: str, result: FitResult) -> str:
    values: Mapping[str, Any] = result.values()
    parts = (f"{each.removeprefix('users.')} {np.round(values[each], 3)}" for each in values)
    return f"{name}: {', '.join(parts)}; {result.ending}."
