# SPDX-License-Identifier: Apache-2.0
"""Returns: when customers of a supermarket come back, in whole days.

Hazards and log-normal gaps of `examples/recipes/returns.py` are fitted to customers of Ta-Feng, and
scored on other ones, those of --test or a random fifth. Both know the number and the rate of the
visits before; "hazards without users" know neither. Boosted trees see the same for each day on
which a customer may return, and with order also the last two gaps. The log holds no slates, so
nothing of it is about what was shown.

The calibration is of "back within 7 days", by deciles of its prediction, over visits that were
followed for so long.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from recipes import returns as world
from sections import Section, Settings, section

from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.returning import ReturningState
from recsim_tf.fitting import LBFGS, Classes, Parameter, fit, session_log_prob
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.validation import learners
from recsim_tf.logs import Log
from recsim_tf.support.means import Mean

_CUSTOMERS = {False: 8_000, True: 40}  # to train on
_HELD_OUT, _WEEK, _DECILES = 0.2, 7.0, 10
_LOG_NORMAL = ("loc", "log_scale", "leaving")
_BARS = {
    "returns.nats": (0.0, 2.90),
    "returns.log_normal": (0.04, np.inf),
    "returns.worst_decile": (0.0, 0.05),
}


class Visits(NamedTuple):
    """The visits of customers, [V] each."""

    customer: np.ndarray  # int64
    number: np.ndarray  # from 1
    day: np.ndarray  # since the first visit
    last_gap: np.ndarray  # days; 0 in the first visit
    gap_before: np.ndarray  # the gap before that
    watched: np.ndarray  # days until the next visit, or until the log ends
    is_back: np.ndarray  # bool

    @classmethod
    def of(cls, log: Log) -> "Visits":
        """The visits of a log."""
        # A time of day, in a column of floats, is not whole by a rounding error.
        days = np.rint(np.where(log.active, log.innovation.visit.days, 0.0))
        back = (days > 0) & (days < world.HORIZON)
        gaps = np.where(back, days, 0.0)
        day = np.cumsum(gaps, axis=1) - gaps
        # A visit that may go on when the log ends tells nothing of a gap.
        customer, step = np.nonzero(log.active & (log.innovation.visit.ends == 1))
        before = np.pad(gaps, [(0, 0), (2, 0)])
        watched = np.where(days < 0, -days, np.where(back, days, world.HORIZON - day))
        return cls(
            customer,
            step + 1,
            day[customer, step],
            before[customer, step + 1],
            before[customer, step],
            watched[customer, step],
            back[customer, step],
        )


def fit_returns(kind: Any, names: Any, log: Log, quick: bool, past: bool = True) -> FitResult:
    """A fit of one kind of returns; without the past if its effects stay zero."""
    parameters = world.returns_parameters(names)
    if not past:
        zeros = {name: Parameter(np.zeros(5), fixed=True) for name in ("past", "fading")}
        parameters |= {f"users.{name}": each for name, each in zeros.items()}
    search = LBFGS(2 if quick else 200, progress=False)
    method = Classes(search=search, uncertainty=None)
    return fit(world.returns(kind), parameters, log, method=method)


def nats(simulator: Simulator, log: Log) -> np.ndarray:
    """The log-likelihood of each customer's gaps, [S]."""
    log = log._replace(initial=np.zeros(log.num_sessions, np.int32))
    return np.asarray(session_log_prob(simulator, log), np.float64)


def calibration(simulator: Simulator, visits: Visits) -> list[tuple[float, float, float]]:
    """By decile of the probability of a return within a week: its mean, the share that came back,
    and the standard error of that share between customers.
    """
    followed = visits.is_back | (visits.watched >= _WEEK)
    rows = Visits(*(field[followed] for field in visits))
    zeros = tf.zeros([len(rows.day)])
    state = ReturningState(
        user=tf.cast(zeros, tf.int32),
        day=tf.constant(rows.day, tf.float32),
        days_away=zeros,
        visit=tf.constant(rows.number, tf.int32),
        step=tf.cast(zeros, tf.int32),
    )
    users = simulator.users
    staying = 1 - tf.cast(users.churn(state), tf.float32)
    predicted = (staying * users.gap(state).cdf(zeros + _WEEK)).numpy()
    came = rows.is_back & (rows.watched <= _WEEK)
    edges = np.quantile(predicted, np.linspace(0, 1, _DECILES + 1))
    decile = np.clip(np.searchsorted(edges, predicted, side="right") - 1, 0, _DECILES - 1)
    table = []
    for number in np.unique(decile):
        inside = decile == number
        share = Mean.of(came[inside].astype(float), _numbered(rows.customer[inside]))
        table.append((float(predicted[inside].mean()), share.value, share.standard_error))
    return table


def boosted(train: Visits, other: Visits, seed: int, order: bool) -> np.ndarray:
    """The log-likelihoods [V] of the visits of other customers, by boosted hazards of a day."""
    (columns, labels, _), (others, of_others, visit) = (_days(v, order) for v in (train, other))
    probs = learners.predicted(learners.boosting(seed), columns, labels, others)
    probs = np.clip(probs, 1e-6, 1 - 1e-6)
    values = np.where(of_others, np.log(probs), np.log1p(-probs))
    return np.bincount(visit, values, len(other.day))


def _days(visits: Visits, order: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row for each day on which a customer may come back: columns, whether they did, visit."""
    counts = visits.watched.astype(np.int64)
    visit = np.repeat(np.arange(len(counts)), counts)
    since = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    columns = [since, since % 7, visits.number[visit], visits.day[visit]]
    columns += [(visits.number[visit] - 0.5) / (visits.day[visit] + 12)]
    if order:
        columns += [visits.last_gap[visit], visits.gap_before[visit]]
    labels = visits.is_back[visit] & (since == counts[visit])
    return np.stack(columns, axis=1).astype(np.float64), labels, visit


def _numbered(groups: np.ndarray) -> np.ndarray:
    return np.unique(groups, return_inverse=True)[1]


def read(settings: Settings) -> tuple[Log, Log]:
    """The customers to train on, and the others."""
    path = Path(settings.path or "data") / "ta_feng.parquet"
    if not path.is_file():
        raise SystemExit(f"path must be a folder with {path.name}, got {path.parent}")
    log = world.read_returns(str(path))
    if settings.test:
        train, other = log, world.read_returns(settings.test[0])
    else:
        train, other = log.split(_HELD_OUT, settings.seed)
    order = np.random.default_rng(settings.seed).permutation(train.num_sessions)
    number = _CUSTOMERS[settings.quick]
    train = train.take(order[:number])
    return train, other.take(slice(number)) if settings.quick else other


def returns(settings: Settings) -> Section:
    """Fits and scores."""
    started, quick, seed = time.process_time(), settings.quick, settings.seed
    train, other = read(settings)
    hazards = ("level", "past", "fading")
    fits = {
        "hazards without users": fit_returns(world.DailyReturns, hazards, train, quick, past=False),
        "log-normal": fit_returns(world.LogNormalReturns, _LOG_NORMAL, train, quick),
        "hazards": fit_returns(world.DailyReturns, hazards, train, quick),
    }
    scores = {name: nats(result.simulator, other) for name, result in fits.items()}
    of_train, of_other = Visits.of(train), Visits.of(other)
    counts = np.bincount(of_other.customer, minlength=other.num_sessions)
    for name, order in (("boosting", False), ("boosting with order", True)):
        values = boosted(of_train, of_other, seed, order)
        scores[name] = np.bincount(of_other.customer, values, other.num_sessions)
    rows = [("model", "nats a visit", "±", "gain over the log-normal", "±")]
    means = {}
    for name, values in scores.items():
        mean = Mean.of_ratio(values, counts)
        over = Mean.of_ratio(values - scores["log-normal"], counts)
        means[name] = mean
        cells = (f"{-mean.value:.4f}", f"{mean.standard_error:.4f}")
        rows.append((name, *cells, f"{over.value:+.4f}", f"{over.standard_error:.4f}"))
    table = calibration(fits["hazards"].simulator, of_other)
    figures = {
        "returns.nats": -means["hazards"].value,
        "returns.log_normal": means["hazards"].value - means["log-normal"].value,
        "returns.worst_decile": max(abs(predicted - came) for predicted, came, _ in table),
    }
    notes = ["Back within 7 days, by decile: predicted, came back, ±"]
    notes += ["  " + "  ".join(f"{number:.3f}" for number in row) for row in table]
    notes += [f"{name}: {result.ending}" for name, result in fits.items()]
    notes += [_estimates(fits["hazards"].values())]
    notes += [f"{time.process_time() - started:,.0f} CPU seconds."]
    title = (
        f"{len(of_train.day):,} visits of {train.num_sessions:,} customers, and"
        f" {len(of_other.day):,} of {other.num_sessions:,} others"
    )
    return section(settings, title, rows, figures, _BARS, notes)


def _estimates(values: Mapping[str, np.ndarray]) -> str:
    few = {name: each for name, each in values.items() if each.size <= 5}
    return ", ".join(f"{name} {np.round(each, 3)}" for name, each in few.items())
