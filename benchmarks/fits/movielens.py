"""MovieLens-100K: what drifting tastes tell of the next choice.

Protocol: a user's ratings in order of time, the first 80 % for training, the rest for test. An
event is a choice from ten: the movie rated and nine movies drawn uniformly from those not rated by
the user up to and including it (see `recsim_tf.fitting.logs`). The score is the mean negative
log-likelihood of the test events' choices, in nats, and how often the likeliest movie was chosen.
Every model sees what came before an event, and nothing after it.

drift: `DriftingTaste-v0`, fitted by variational inference: mean-field posteriors of each movie's
bias and factors, whose priors are regressed on genre and year, and of each user's initial taste.
Everything else, the spread of the priors too, is fitted; nothing is tuned on a validation set.
static: the same model with a gain of 0. matrix factorisation: that without the genres and years.

popularity: a logit in the logarithm of a movie's training ratings. leak rule: the same with a term
for candidates that were this user's negatives before. Negatives that were never rated, at any time,
would give the future away; these must not.
"""

import os
import time
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import optimize, special

from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.fitting import Minibatches, Parameter, fit
from recsim_tf.fitting.checks.choices import predict_choices
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.logs import read_movielens, read_movies
from recsim_tf.fitting.logs.datasets.movielens import MovieFeatures, MovieLensLog
from recsim_tf.fitting.parameters.parameter import hierarchical_normal
from recsim_tf.support.tables import text_table

_BATCH_SIZE, _LEARNING_RATE = 64, 0.03
# Full and quick.
_FACTORS, _PASSES, _USERS = {False: 48, True: 4}, {False: 100, True: 1}, {False: None, True: 20}
# Release years are taken in periods, which begin here.
_PERIODS = (0, 1950, 1960, 1970, 1980, 1990, 1993, 1994, 1995, 1996, 1997)
_ROWS = (
    ("uniform", "uniform"),
    ("popularity", "popularity"),
    ("leak_rule", "popularity and leak rule"),
    ("matrix_factorisation", "matrix factorisation"),
    ("static", "static taste, genres and years"),
    ("drift", "drifting taste, genres and years"),
)


def movielens(data_dir: str, seed: int, quick: bool) -> dict[str, Any]:
    """Scores of all models on the test events."""
    folder = os.path.join(data_dir, "ml-100k")
    if not os.path.isdir(folder):
        raise SystemExit(f"data_dir has no folder ml-100k, got {data_dir}: run `make data` first")
    data = read_movielens(os.path.join(folder, "ml-100k.inter"))
    features = movie_features(
        read_movies(os.path.join(folder, "ml-100k.item"), num_movies=data.num_movies)
    )
    if _USERS[quick]:
        data = _first_users(data, _USERS[quick])
    count = np.bincount(_chosen(data)[data.train], minlength=data.num_movies)
    popularity = np.log1p(count)[data.log.documents]
    was_negative = earlier_negatives(data)
    scores = {
        "uniform": _score(np.zeros(data.log.shown.shape), data),
        "popularity": _score(_logit(popularity[..., np.newaxis], data), data),
        "leak_rule": _score(_logit(np.stack([popularity, was_negative], axis=-1), data), data),
    }
    fits: dict[str, Any] = {}
    for name, with_features, drifts in (
        ("matrix_factorisation", False, False),
        ("static", True, False),
        ("drift", True, True),
    ):
        started = time.perf_counter()
        result = fit_taste(data, features if with_features else None, drifts, seed, quick)
        fits[name] = {
            "seconds": time.perf_counter() - started,
            "log_likelihood": result.log_likelihood,
        }
        predictions = predict_choices(
            result.simulator, data.log._replace(initial=result.initial_draws), batch_size=100
        )
        with np.errstate(divide="ignore"):
            scores[name] = _score(np.log(predictions.probs[..., :-1]), data)
        if drifts:
            fits[name]["decay"] = np.sort(result.estimates["users.decay"].value).round(4).tolist()
    return {
        "study": "movielens",
        "users": data.log.num_sessions,
        "train_events": int(data.train.sum()),
        "test_events": int(data.test.sum()),
        "figures": {
            **{name: nll for name, (nll, _) in scores.items()},
            "hit_at_1": scores["drift"][1],
            **{f"{name}/hit_at_1": hit for name, (_, hit) in scores.items()},
            **{f"{name}/seconds": found["seconds"] for name, found in fits.items()},
        },
        "fits": fits,
    }


def fit_taste(
    data: MovieLensLog, features: np.ndarray | None, drifts: bool, seed: int, quick: bool
) -> FitResult:
    """Fits drifting or static tastes to the training events.

    Args:
      data: the log.
      features: float [D, M], of movies; or None.
      drifts: whether choices move the taste.
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
    if drifts:
        parameters["users.gain"] = Parameter(np.full(num_factors, 0.5))
        # Memories of one choice to hundreds.
        parameters["users.decay"] = Parameter(
            special.expit(np.linspace(-1, 5, num_factors)), "unit"
        )
    train = data.log.cut(data.train.sum(axis=1))
    steps = _PASSES[quick] * -(-train.num_sessions // _BATCH_SIZE)
    schedule = tf.keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    return fit(
        simulator,
        parameters,
        train,
        search=Minibatches(
            lambda: tf.keras.optimizers.Adam(schedule),
            passes=_PASSES[quick],
            patience=_PASSES[quick],
            batch_size=_BATCH_SIZE,
            progress=False,
        ),
        seed=seed,
    )


def movie_features(movies: MovieFeatures) -> np.ndarray:
    """float32 [D, M]: indicators of genres and periods of release."""
    period = np.digitize(movies.release_year, _PERIODS) - 1
    return np.concatenate([movies.genres, np.eye(len(_PERIODS))[period]], axis=1).astype(np.float32)


def earlier_negatives(data: MovieLensLog) -> np.ndarray:
    """float [S, T, K]: 1 for candidates that were negatives of their user at an earlier event."""
    documents, chosen = data.log.documents, _chosen(data)
    found = np.zeros(documents.shape)
    for user, length in enumerate(data.log.length):
        before = np.zeros(data.num_movies, bool)
        for step in range(length):
            slate = documents[user, step]
            found[user, step] = before[slate]
            before[slate[slate != chosen[user, step]]] = True
    return found


def _logit(features: np.ndarray, data: MovieLensLog) -> np.ndarray:
    """[S, T, K]: scores linear in features [S, T, K, M], with the weights that make the training
    choices likeliest.
    """
    train, response = features[data.train], data.log.response[data.train]
    chosen = np.take_along_axis(train, response[:, np.newaxis, np.newaxis], axis=1)[:, 0]

    def loss(weights):
        return np.mean(special.logsumexp(train @ weights, axis=1) - chosen @ weights)

    return features @ optimize.minimize(loss, np.zeros(features.shape[-1])).x


def _score(scores: np.ndarray, data: MovieLensLog) -> tuple[float, float]:
    """Mean negative log-likelihood of test events, and the part in which the choice had the highest
    score.
    """
    scores, response = scores[data.test], data.log.response[data.test]
    log_prob = special.log_softmax(scores, axis=1)[np.arange(len(response)), response]
    # A tie is won by chance.
    best = scores == scores.max(axis=1, keepdims=True)
    return float(-log_prob.mean()), float(
        np.mean(best[np.arange(len(response)), response] / best.sum(axis=1))
    )


def _chosen(data: MovieLensLog) -> np.ndarray:
    """int [S, T]: the movie chosen at each event."""
    return np.take_along_axis(data.log.documents, data.log.response[..., np.newaxis], axis=2)[
        ..., 0
    ]


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
    rows = [("model", "test nats a choice", "hit@1", "fit")]
    for name, title in _ROWS:
        seconds = f"{found[f'{name}/seconds']:.0f} s" if f"{name}/seconds" in found else ""
        rows.append((title, f"{found[name]:.4f}", f"{found[f'{name}/hit_at_1']:.3f}", seconds))
    gain = found["popularity"] - found["leak_rule"]
    return (
        f"MovieLens-100K, {result['users']:,} users, {result['train_events']:,} training and"
        f" {result['test_events']:,} test events\n"
        f"{text_table(rows)}\n"
        f"Drift is worth {found['static'] - found['drift']:.3f} nats a choice, knowing a user's"
        f" earlier negatives {gain:.4f}."
    )
