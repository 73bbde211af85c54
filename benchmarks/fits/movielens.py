"""MovieLens-100K: what drifting tastes tell of the next choice, beyond who the user is.

Protocol: a user's ratings in order of time, the first 80 % for training, the rest for test. An
event is a choice from ten: the movie rated and nine movies drawn uniformly from those not rated by
the user up to and including it (see `recsim_tf.logs`). The score is the mean negative
log-likelihood of the test events' choices, in nats, and how often the likeliest movie was chosen.
Every model sees what came before an event, and nothing after it.

drift: `DriftingTaste-v0`, fitted by variational inference: mean-field posteriors of each movie's
bias and factors, whose priors are regressed on genre and year, and of each user's initial taste.
Everything else, the spread of the priors too, is fitted; nothing is tuned on a validation set.
static: the same model with a gain of 0. memory: with a decay of 1, so that all choices before add
up, in whichever order they were. matrix factorisation: static without the genres
and years. The taste of these is that of the training events.

exchangeable: static, whose taste is learned from every event before, those of the test too, see
`fits/learned_tastes.py`. drift, learned: the same with drift. Their difference is what drift tells
beyond who the user is.

shuffled: the events of each user in random order, those of training and of test apart, and drift
fitted to them again. The likelihood of static tastes is the same in any order, so their fit serves
for both.

The guesses are those of a validation. A probability of a click on each movie alone becomes one of
the choice from ten by its odds. Those that see how often a movie was a negative before would show
whether negatives give the future away.
"""

import os
import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from fits.learned_tastes import predict_while_learning
from scipy import special

from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.fitting import Exact, Minibatches, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.parameters.parameter import hierarchical_normal
from recsim_tf.fitting.predictions.choices import mean_by_session, predict_choices
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import guesses as guesses_of_events
from recsim_tf.fitting.validation.order import shuffle_steps
from recsim_tf.logs import Log, read_movielens, read_movies
from recsim_tf.logs.datasets.movielens import MovieFeatures, MovieLensLog
from recsim_tf.logs.log import take_steps
from recsim_tf.support.means import Mean
from recsim_tf.support.tables import text_table

_LOGGED = ("documents", "shown", "response")
_BATCH_SIZE, _LEARNING_RATE = 64, 0.03
# Full and quick.
_FACTORS, _PASSES, _USERS = {False: 48, True: 4}, {False: 100, True: 1}, {False: None, True: 20}
# Release years are taken in periods, which begin here.
_PERIODS = (0, 1950, 1960, 1970, 1980, 1990, 1993, 1994, 1995, 1996, 1997)
# What is fitted of the dynamics, by model.
_DYNAMICS = {"static": (), "memory": ("gain",), "drift": ("gain", "decay")}
_ROWS = {
    "frequency": "frequency",
    "popularity": "popularity",
    "logistic regression": "logistic regression",
    "boosting": "boosting",
    "boosting with order": "boosting with order",
    "matrix_factorisation": "matrix factorisation",
    "static": "static taste, as in training",
    "exchangeable": "static taste, learned choice by choice",
    "memory": "a memory of all choices, without their order",
    "drift": "drifting taste, as in training",
    "drift_learned": "drifting taste, learned choice by choice",
}
_GAINS = {
    "static": "a static taste, as in training",
    "exchangeable": "an exchangeable user, both learned",
}


def movielens(data_dir: str, seed: int, quick: bool) -> dict[str, Any]:
    """Scores of all models on the test events, in order and shuffled."""
    folder = os.path.join(data_dir, "ml-100k")
    if not os.path.isdir(folder):
        raise SystemExit(f"data_dir has no folder ml-100k, got {data_dir}: run `make data` first")
    data = read_movielens(os.path.join(folder, "ml-100k.inter"))
    features = movie_features(
        read_movies(os.path.join(folder, "ml-100k.item"), num_movies=data.num_movies)
    )
    if _USERS[quick]:
        data = _first_users(data, _USERS[quick])
    fits: dict[str, Any] = {}

    def fitted(name: str, events: MovieLensLog, model: str, known: Any = features) -> FitResult:
        started = time.perf_counter()
        result = fit_taste(events, known, _DYNAMICS[model], seed, quick)
        fits[name] = {
            "seconds": time.perf_counter() - started,
            "log_likelihood": result.log_likelihood,
        }
        return result

    def against_static(events: MovieLensLog, drift: FitResult) -> dict[str, Scores]:
        probs = {
            "static": _by_taste_of_training(static, events),
            "exchangeable": predict_while_learning(static.simulator, events.log, seed).probs,
            "drift": _by_taste_of_training(drift, events),
            "drift_learned": predict_while_learning(drift.simulator, events.log, seed).probs,
        }
        return {name: Scores.of(each, events) for name, each in probs.items()}

    static, drift = fitted("static", data, "static"), fitted("drift", data, "drift")
    other = data._replace(log=shuffled(data.log, data.test, seed))
    in_order = against_static(data, drift)
    drift_shuffled = fitted("drift_shuffled", other, "drift")
    again = against_static(other, drift_shuffled)
    others = {
        "memory": fitted("memory", data, "memory"),
        "matrix_factorisation": fitted("matrix_factorisation", data, "static", None),
    }
    probs = {name: _by_taste_of_training(result, data) for name, result in others.items()}
    in_order |= {
        name: Scores.of(each, data) for name, each in {**guesses(data, seed), **probs}.items()
    }
    gains = {
        name: {
            which: _gain(scores, name, data)._asdict()
            for which, scores in (("in_order", in_order), ("shuffled", again))
        }
        for name in _GAINS
    }
    return {
        "study": "movielens",
        "users": data.log.num_sessions,
        "train_events": int(data.train.sum()),
        "test_events": int(data.test.sum()),
        "figures": {
            **{name: found.nats.value for name, found in in_order.items()},
            **{f"{name}/shuffled": found.nats.value for name, found in again.items()},
            **{f"{name}/hit_at_1": found.hits.value for name, found in in_order.items()},
            **{f"{name}/seconds": found["seconds"] for name, found in fits.items()},
            **{
                f"gain_over_{name}/{which}": mean["value"]
                for name, gain in gains.items()
                for which, mean in gain.items()
            },
        },
        "memories": {"in_order": _memories(drift), "shuffled": _memories(drift_shuffled)},
        "gains": gains,
        "fits": fits,
    }


def _memories(result: FitResult) -> list[list[float]]:
    """Pairs of decay and gain of the factors, from short memories to long ones."""
    decay, gain = (result.estimates[f"users.{name}"].value for name in ("decay", "gain"))
    return sorted(np.stack([decay, gain], axis=1).astype(np.float64).round(4).tolist())


class Scores(NamedTuple):
    """What a model makes of the test events."""

    surprise: np.ndarray  # float64 [S, T], nats, of test events; 0 for others
    nats: Mean  # of the test events, negative log-probabilities
    hits: Mean  # the likeliest movie was chosen

    @classmethod
    def of(cls, probs: np.ndarray, data: MovieLensLog) -> "Scores":
        """Of probabilities of the movies [S, T, K], or with one more outcome that never comes."""
        response = data.log.response[..., np.newaxis]
        with np.errstate(divide="ignore"):
            surprise = -np.log(np.take_along_axis(probs, response, axis=2)[..., 0])
        surprise = np.where(data.test, surprise, 0)
        is_hit = np.argmax(probs, axis=2) == data.log.response
        return cls(
            surprise,
            mean_by_session(surprise, data.test),
            mean_by_session(is_hit.astype(np.float64), data.test),
        )


def _gain(scores: Mapping[str, Scores], over: str, data: MovieLensLog) -> Mean:
    """Of drift over another model, which know the same of the user's initial taste."""
    drift = scores["drift_learned" if over == "exchangeable" else "drift"]
    return mean_by_session(scores[over].surprise - drift.surprise, data.test)


def _by_taste_of_training(result: FitResult, data: MovieLensLog) -> np.ndarray:
    """Probabilities, the initial tastes being those of the fit."""
    log = data.log._replace(initial=result.initial_draws)
    return predict_choices(result.simulator, log, batch_size=100).probs


def shuffled(log: Log, test: np.ndarray, seed: int) -> Log:
    """The log with the steps of each session in random order, those of the training part and those
    of the test, bool [S, T], apart.
    """
    begin = log.length - test.sum(axis=1, dtype=np.int32)
    steps = np.minimum(
        begin[:, np.newaxis] + np.arange(log.max_length), log.length[:, np.newaxis] - 1
    )
    by_step = {name: take_steps(getattr(log, name), steps) for name in _LOGGED}
    last = log._replace(length=log.length - begin, **by_step)
    return shuffle_steps(log.cut(begin), seed).followed_by(shuffle_steps(last, seed + 1))


def guesses(data: MovieLensLog, seed: int) -> dict[str, np.ndarray]:
    """Probabilities [S, T, K] of a validation's guesses, by name; 0 at the training events."""
    log = data.log
    events = Events.of(log, log.response[..., np.newaxis] == np.arange(log.slate_size))
    is_test = data.test[events.session, events.step]
    found = {}
    for name, probs in guesses_of_events(events.take(~is_test), events.take(is_test), seed).items():
        odds = np.zeros(log.shown.shape)
        odds[data.test] = (probs / (1 - probs)).reshape(-1, log.slate_size)
        found[name] = odds / np.maximum(odds.sum(axis=2, keepdims=True), 1e-300)
    return found


def fit_taste(
    data: MovieLensLog,
    features: np.ndarray | None,
    dynamics: Collection[str],
    seed: int,
    quick: bool,
) -> FitResult:
    """Fits tastes to the training events.

    Args:
      data: the log.
      features: float [D, M], of movies; or None.
      dynamics: what is fitted of "gain" and "decay", which are 0 and 1 otherwise.
      seed: of the fit.
      quick: few factors and passes.
    """
    num_factors = _FACTORS[quick]
    generator = np.random.default_rng(seed)
    users = DriftingTasteUsers(num_factors, gain=0.0, decay=1.0)
    simulator = drifting_taste(
        users=users, documents=Catalogue(data.num_movies, num_factors), max_steps=None
    )

    parameters = {
        "users.taste_loc": Parameter(np.zeros(num_factors)),
        "users.taste_scale": Parameter(np.full(num_factors, 0.3), "positive"),
        "documents.bias": Parameter(
            np.zeros(data.num_movies),
            prior=hierarchical_normal((), features),
            posterior="mean_field",
        ),
        "documents.factors": Parameter(
            0.1 * generator.standard_normal([data.num_movies, num_factors]),
            prior=hierarchical_normal([num_factors], features),
            posterior="mean_field",
        ),
    }
    starts = {
        # What adds up begins small.
        "gain": Parameter(np.full(num_factors, 0.5 if "decay" in dynamics else 0.05)),
        # Memories of one choice to hundreds.
        "decay": Parameter(special.expit(np.linspace(-1, 5, num_factors)), "unit"),
    }
    parameters |= {f"users.{name}": starts[name] for name in dynamics}
    train = data.log.cut(data.train.sum(axis=1))
    steps = _PASSES[quick] * -(-train.num_sessions // _BATCH_SIZE)
    schedule = tf.keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    return fit(
        simulator,
        parameters,
        train,
        method=Exact(
            search=Minibatches(
                lambda: tf.keras.optimizers.Adam(schedule),
                passes=_PASSES[quick],
                patience=_PASSES[quick],
                batch_size=_BATCH_SIZE,
                progress=False,
            )
        ),
        seed=seed,
    )


def movie_features(movies: MovieFeatures) -> np.ndarray:
    """float32 [D, M]: indicators of genres and periods of release."""
    period = np.digitize(movies.release_year, _PERIODS) - 1
    return np.concatenate([movies.genres, np.eye(len(_PERIODS))[period]], axis=1).astype(np.float32)


def _first_users(data: MovieLensLog, number: int) -> MovieLensLog:
    rows = np.arange(number)
    log = data.log.take(rows)
    test, rating, timestamp = (
        values[rows, : log.max_length] for values in (data.test, data.rating, data.timestamp)
    )
    return data._replace(
        log=log, test=test, user_ids=data.user_ids[rows], rating=rating, timestamp=timestamp
    )


def movielens_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    found = result["figures"]
    rows = [("model", "test nats a choice", "hit@1", "shuffled", "fit")]
    for name, title in _ROWS.items():
        seconds = f"{found[f'{name}/seconds']:.0f} s" if f"{name}/seconds" in found else ""
        again = f"{found[f'{name}/shuffled']:.4f}" if f"{name}/shuffled" in found else ""
        hits = f"{found[f'{name}/hit_at_1']:.3f}"
        rows.append((title, f"{found[name]:.4f}", hits, again, seconds))
    lines = [
        f"MovieLens-100K, {result['users']:,} users, {result['train_events']:,} training and"
        f" {result['test_events']:,} test events",
        text_table(rows),
    ]
    for name, title in _GAINS.items():
        in_order, again = (
            f"{mean['value']:+.3f} ± {mean['standard_error']:.3f}"
            for mean in (result["gains"][name][which] for which in ("in_order", "shuffled"))
        )
        lines.append(
            f"Drift adds {in_order} nats a choice to {title}; {again} where events are shuffled."
        )
    return "\n".join(lines)
