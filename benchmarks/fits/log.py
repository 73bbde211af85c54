# SPDX-License-Identifier: Apache-2.0
"""Log: fits to a table that no model of recsim_tf made.

NumPy simulates readers who come back several times. They click on any number of five documents. A
click is the product of examination, which falls with the position and faster on a phone, and of
attraction, by the quality of the document and the reader's taste for its topic. They read what they
click on for longer the more attractive it is. The table has their device, and not their taste,
which drifts from visit to visit in one of two tables.

Four likelihoods find the parameters where the model is the right one. A model without the drift,
and one whose readers stop somewhere on their way down the slate, are wrong. Held out are the next
visit of each reader and readers who are new. Predictions are compared with popularity, a logistic
regression of clicks on document, position and device.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultipleClickCascade, with_engagement
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.fitting import (
    LBFGS,
    Chains,
    Curvature,
    Draws,
    MeanField,
    Minibatches,
    MonteCarloEM,
    Parameter,
    Particles,
    fit,
)
from recsim_tf.fitting.predictions.choices import calibrate, choices_among, mean_by_session
from recsim_tf.fitting.predictions.responses import predict_responses
from recsim_tf.fitting.report.recovery import recover
from recsim_tf.logs import Log, from_table

_NUM_ITEMS, _SLATE_SIZE, _NUM_VISITS, _PHONES = 60, 5, 4, 0.6
_ITEMS = np.random.default_rng(0).standard_normal([2, _NUM_ITEMS]).astype(np.float32)
QUALITY, TOPIC = _ITEMS
# By device the first two: a computer, a phone.
TRUTH = {
    "users.taste_loc": ([0.8, -0.4], "real"),
    "users.goes_on": ([0.9, 0.65], "unit"),
    "users.taste_spread": (0.9, "positive"),
    "users.base": (-1.0, "real"),
    "users.quality_effect": (0.7, "real"),
    "users.minutes_loc": (0.5, "real"),
    "users.minutes_effect": (0.4, "real"),
    "users.minutes_spread": (0.6, "positive"),
}
_DRIFT = 0.6
# Readers that are fitted, and new ones.
_SIZES = {False: (2000, 500), True: (60, 20)}


def simulate(generator: np.random.Generator, num_readers: int, drift: float) -> pd.DataFrame:
    """The table of readers who come one time more than is fitted."""
    truth = {name.removeprefix("users."): value for name, (value, _) in TRUTH.items()}
    phone = (generator.random(num_readers) < _PHONES).astype(int)
    taste = generator.normal(np.array(truth["taste_loc"])[phone], truth["taste_spread"])
    examined = np.array(truth["goes_on"])[phone, np.newaxis] ** np.arange(_SLATE_SIZE)
    visits = []
    for visit in range(_NUM_VISITS + 1):
        keys = generator.random([num_readers, _NUM_ITEMS])
        slate = np.argsort(keys, axis=1)[:, :_SLATE_SIZE]
        liking = truth["base"] + truth["quality_effect"] * QUALITY[slate]
        liking = liking + taste[:, np.newaxis] * TOPIC[slate]
        clicked = generator.random(slate.shape) < examined / (1 + np.exp(-liking))
        loc = truth["minutes_loc"] + truth["minutes_effect"] * liking
        minutes = np.exp(generator.normal(loc, truth["minutes_spread"]))
        reader, position = np.indices(slate.shape)
        columns = {"reader": reader, "position": position, "item": slate, "click": 1 * clicked}
        columns |= {"minutes": np.where(clicked, minutes, np.nan), "phone": phone[reader]}
        table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
        visits.append(table.assign(visit=visit))
        taste = taste + drift * generator.standard_normal(num_readers)
    return pd.concat(visits)


def read(table: pd.DataFrame) -> Log:
    """The log of a table, by way of a file."""
    columns = {"session": "reader", "step": "visit", "position": "position", "document": "item"}
    columns |= {"clicked": "click", "engagement": "minutes"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        table.to_csv(path, index=False)
        return from_table(
            path,
            columns,
            user_columns={"phone": "phone"},
            document_ids=range(_NUM_ITEMS),
            slate_size=_SLATE_SIZE,
            departed=False,
            multiple_clicks=True,
        ).with_engagement()


class Reader(NamedTuple):
    """The draws of a reader, which are also the state, [B] each."""

    phone: Any
    taste: Any


class Watched(NamedTuple):
    """A response, [B, K] each."""

    clicked: Any
    minutes: Any


class Readers(recsim_tf.UserModel):
    """Readers whose taste stays."""

    taste_loc: Any = recsim_tf.parameter((0.0, 0.0), rank=1)
    goes_on: Any = recsim_tf.parameter((0.5, 0.5), rank=1, low=0, high=1)
    taste_spread: Any = recsim_tf.parameter(1.0, above=0)
    base: Any = recsim_tf.parameter(0.0)
    quality_effect: Any = recsim_tf.parameter(0.0)
    minutes_loc: Any = recsim_tf.parameter(0.0)
    minutes_effect: Any = recsim_tf.parameter(0.0)
    minutes_spread: Any = recsim_tf.parameter(1.0, above=0)

    def initial_draws(self, num_users):
        phone = tfd.Bernoulli(probs=tf.fill([num_users], tf.constant(_PHONES, self.dtype)))

        def taste(phone):
            return tfd.Normal(self._of_device("taste_loc", phone), self.per_user("taste_spread"))

        return tfd.JointDistributionNamed(Reader(phone, taste))

    def response(self, state, slate):
        quality, topic = (
            tf.gather(tf.constant(table, self.dtype), slate.documents) for table in (QUALITY, TOPIC)
        )
        liking = self.per_user("base", 2) + self.per_user("quality_effect", 2) * quality
        liking += state.taste[:, tf.newaxis] * topic
        loc = self.per_user("minutes_loc", 2) + self.per_user("minutes_effect", 2) * liking
        return with_engagement(
            self.clicks(self._of_device("goes_on", state.phone), liking),
            lambda clicked: tfd.LogNormal(loc, self.per_user("minutes_spread", 2)),
        )

    def clicks(self, goes_on, liking):
        """Each document is clicked by itself, if it is examined and attractive."""
        examined = goes_on[:, tf.newaxis] ** tf.range(_SLATE_SIZE, dtype=self.dtype)
        return tfd.Independent(tfd.Bernoulli(probs=examined * tf.sigmoid(liking)), 1)

    def outcome(self, state, slate, draw):
        clicked = tf.cast(draw.choice, self.dtype)
        return Watched(clicked, clicked * draw.engagement)

    def observe(self, state):
        return state.phone

    def _of_device(self, name, phone):
        one_hot = tf.one_hot(phone, 2, dtype=self.dtype)
        return tf.reduce_sum(one_hot * self.per_user(name, 2), axis=1)


class DriftingReaders(Readers):
    """Readers whose taste drifts from visit to visit."""

    drift: Any = recsim_tf.parameter(0.3, above=0)

    def innovation(self, state, slate, response):
        return tfd.Normal(tf.zeros_like(state.taste), tf.ones_like(state.taste))

    def update(self, state, slate, response, innovation):
        return state._replace(taste=state.taste + self.per_user("drift") * innovation)


class CascadingReaders(Readers):
    """Readers who look at a document only if they have looked at the one above it."""

    def clicks(self, goes_on, liking):
        return MultipleClickCascade(goes_on, goes_on)(liking)


class Items(recsim_tf.DocumentModel):
    """Ids."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(_NUM_ITEMS, num_users, num_candidates, self.dtype)

    def observe(self, documents):
        return documents


class Case(NamedTuple):
    """A model that is fitted to one of the tables."""

    table: str
    model: type[Readers]
    method: Any
    is_right: bool = True


def _cases(quick: bool) -> dict[str, Case]:
    """The first right one of a table gives standard errors, by which the others are judged too."""
    lbfgs = LBFGS(2 if quick else 200, batch_size=500, progress=False)
    by_em = MonteCarloEM(
        40 if quick else 400, num_moves=2, annealing=30, learning_rate=0.05, progress=False
    )
    options: dict[str, Any] = {"jit_compile": not quick}

    def draws(uncertainty: Any = None) -> Draws:
        return Draws(4 if quick else 100, search=lbfgs, uncertainty=uncertainty, **options)

    def by_adam(passes: int) -> Minibatches:
        return Minibatches(passes=2 if quick else passes, batch_size=200, progress=False)

    mean_field = MeanField(search=by_adam(60), uncertainty=None, **options)
    chains = Chains(2, search=by_em, **options)
    initial = Draws(2 if quick else 30)
    filters = Particles(
        2 if quick else 16, initial, search=by_adam(15), uncertainty=None, **options
    )
    return {
        "Draws": Case("still", Readers, draws(Curvature())),
        "MeanField": Case("still", Readers, mean_field),
        "Chains": Case("drifting", DriftingReaders, chains),
        "Particles": Case("drifting", DriftingReaders, filters),
        "without drift": Case("drifting", Readers, draws(), False),
        "cascade": Case("drifting", CascadingReaders, draws(), False),
    }


class Popularity:
    """The logarithms of the probability of clicks at each position, by a logistic regression on
    document, position and device, with a weak ridge.

    Args:
      log: to which it is fitted.
    """

    def __init__(self, log: Log):
        features, clicks = self._features(log), log.response[0].reshape(-1)
        self._weights = np.zeros(features.shape[1])
        for _ in range(20):
            rates = self._rates(features)
            gradient = features.T @ (clicks - rates) - self._weights
            curvature = (features * (rates * (1 - rates))[:, np.newaxis]).T @ features
            self._weights += np.linalg.solve(curvature + np.eye(len(curvature)), gradient)

    def log_prob(self, log: Log) -> np.ndarray:
        """[S, T]: of the clicks of a step."""
        rates = self._rates(self._features(log)).reshape(log.shown.shape)
        return np.log(np.where(log.response[0] == 1, rates, 1 - rates)).sum(axis=2)

    def _rates(self, features: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-features @ self._weights))

    @staticmethod
    def _features(log: Log) -> np.ndarray:
        _, _, position = np.indices(log.shown.shape).reshape(3, -1)
        phone = np.repeat(log.initial["phone"], log.shown[0].size).astype(int)
        by_position = np.eye(_SLATE_SIZE)[position]
        return np.concatenate(
            [
                np.eye(_NUM_ITEMS)[log.documents.reshape(-1)],
                by_position,
                by_position * phone[:, np.newaxis],
            ],
            axis=1,
        )


def log(settings: Settings) -> Section:
    """Fits of all cases, and how well they predict."""
    seed, (num_readers, num_new) = settings.seed, _SIZES[settings.quick]
    logs = {}
    for number, (name, drift) in enumerate({"still": 0.0, "drifting": _DRIFT}.items()):
        generator = np.random.default_rng([seed, number])
        table, new = (simulate(generator, size, drift) for size in (num_readers, num_new))
        is_next = table["visit"] == _NUM_VISITS
        logs[name] = [read(part) for part in (table[~is_next], table[is_next], new)]
    rows, errors = {}, {}
    for name, case in _cases(settings.quick).items():
        seen, later, new = logs[case.table]
        truth = {parameter: value for parameter, (value, _) in TRUTH.items()}
        parameters = {
            parameter: Parameter(np.multiply(0.5, value), support)
            for parameter, (value, support) in TRUTH.items()
        }
        if case.model is DriftingReaders:
            truth["users.drift"], parameters["users.drift"] = _DRIFT, Parameter(0.3, "positive")
        started = time.process_time()
        result = fit(
            recsim_tf.Simulator(case.model(), Items(), _SLATE_SIZE, 2 * _SLATE_SIZE),
            parameters,
            seen,
            method=case.method,
            seed=seed,
        )
        seconds = time.process_time() - started
        estimates = recover(truth, result.estimates)
        error = errors.setdefault(
            case.table, {(row.parameter, row.element): row.standard_error for row in estimates}
        )
        z_scores = [
            (row.estimate - row.truth) / error[row.parameter, row.element]
            for row in estimates
            if (row.parameter, row.element) in error
        ]
        popularity = Popularity(seen)
        gains, minutes = {}, {}
        for whom, held_out, given in (("next", later, seen), ("new", new, None)):
            predicted = predict_responses(result.simulator, held_out, given=given, seed=seed)
            log_prob = choices_among(predicted, _SLATE_SIZE).log_prob
            gain = log_prob - popularity.log_prob(held_out)
            gains[whom] = mean_by_session(gain, held_out.active)._asdict()
            calibration = calibrate(predicted, held_out)["engagement"]
            minutes[whom] = [calibration.expected_error, calibration.noise]
        rows[name] = {
            "table": case.table,
            "model": case.model.__name__,
            "is_right": case.is_right,
            "latents": result.latents,
            "ending": result.ending,
            "estimates": {
                name: np.asarray(value).tolist() for name, value in result.values().items()
            },
            "z_scores": z_scores,
            "gains": gains,
            "minutes": minutes,
            "cpu_seconds": seconds,
        }
    right = [row for row in rows.values() if row["is_right"]]
    figures = {"log.largest_z": max(np.abs(row["z_scores"]).max() for row in right)}
    table = [("fit", "taste", "largest z", "next visit", "new readers", "minutes", "CPU s")]
    for name, row in rows.items():
        gains = {whom: gain["value"] for whom, gain in row["gains"].items()}
        figures |= {f"log.gain_{whom}.{name}": gain for whom, gain in gains.items()}
        figures[f"log.cpu_seconds.{name}"] = row["cpu_seconds"]
        error, noise = row["minutes"]["next"]
        largest_z = f"{np.abs(row['z_scores']).max():.1f}" if row["is_right"] else "wrong model"
        cells = (
            f"{gain['value']:+.3f} ± {gain['standard_error']:.3f}" for gain in row["gains"].values()
        )
        seconds = f"{row['cpu_seconds']:.0f}"
        table.append((name, row["table"], largest_z, *cells, f"{error:.3f} ({noise:.3f})", seconds))
    title = (
        f"{num_readers:,} readers of {_NUM_VISITS} visits. Log-likelihood of clicks, nats a visit"
        f" beyond popularity, of their next visit and of {num_new:,} new readers."
    )
    notes = ["minutes: calibration error of the next visit (what perfect predictions would show)."]
    return section(settings, title, table, figures, notes=notes, details={"rows": rows})
