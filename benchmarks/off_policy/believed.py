# SPDX-License-Identifier: Apache-2.0
"""Do the words of estimates hold? "Believable" and "wide" promise that the 95 % intervals of
the value and of the gain hold the truth in at least 92 % of logs.

Visitors see three of six articles a step. They click on each with a probability that depends on how
well it suits them, and may leave after a step without a click. Viewers of `worlds.py` see one slate
each. A log is one of many that a policy of little sharpness made; sharper ones are judged.

Estimates by weights use probabilities alone, which are wrong in one world. Others use a model of
the visitors: the right one; one that sees half of what suits, with the level that meets the log's
mean, so that nothing is off on the policy that logged; one of another level; and one that is fitted
to the log.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from off_policy.worlds import WORLDS, affine
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice, fitting, logs, ope
from recsim_tf.logs.densities import densities
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.support.verdicts import BELIEVABLE, WIDE, WITH_CARE

_SLATE_SIZE, _NUM_CANDIDATES = 3, 6
_PROMISED = 0.92
_NUM_TRUTH = 400_000


class Visitors(recsim_tf.UserModel):
    """Users of a taste, +1 or -1 in two dimensions, who leave after a step without a click."""

    level: Any = recsim_tf.parameter(-1.5)
    slope: Any = recsim_tf.parameter(1.0)
    leaves: Any = recsim_tf.parameter(0.0)

    def initial_draws(self, num_users):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, 2]), 1.0), 1)

    def initial_state(self, draws):
        return draws, tf.zeros([draws.shape[0]])

    def response(self, state, slate):
        suits = tf.linalg.matvec(slate.documents, state[0])
        scores = self.per_user("level", rank=2) + self.per_user("slope", rank=2) * suits
        return choice.IndependentClicks()(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, tf.float32))

    def update(self, state, slate, response, innovation):
        return state[0], tf.reduce_sum(response.clicked, axis=1)

    def departure(self, state):
        return tfd.Bernoulli(
            probs=tf.where(state[1] > 0, 0.0, self.per_user("leaves")), dtype=tf.int32
        )

    def observe(self, state):
        return state[0]


class Changing(Visitors):
    """Visitors of a type, a third number beside the taste, whose mood clicks raise, and who like an
    article less beside others that suit them.
    """

    types: Any = recsim_tf.parameter(0.0)
    moods: Any = recsim_tf.parameter(0.0)
    contrast: Any = recsim_tf.parameter(0.0)

    def initial_draws(self, num_users):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, 3]), 1.0), 1)

    def initial_state(self, draws):
        none = tf.zeros([draws.shape[0]])
        return draws, none, none

    def response(self, state, slate):
        suits = tf.linalg.matvec(slate.documents, state[0][:, :2])
        neighbours = tf.pad(suits, [[0, 0], [1, 1]])
        scores = suits - self.per_user("contrast", rank=2) * (
            neighbours[:, :-2] + neighbours[:, 2:]
        )
        of_user = self.per_user("types") * state[0][:, 2] + self.per_user("moods") * state[2]
        scores += self.per_user("level", rank=2) + of_user[:, tf.newaxis]
        return choice.IndependentClicks()(scores, slate.mask)

    def update(self, state, slate, response, innovation):
        clicks = tf.reduce_sum(response.clicked, axis=1)
        return state[0], clicks, 0.8 * state[2] + clicks

    def observe(self, state):
        return state[0][:, :2]


class Articles(recsim_tf.DocumentModel):
    """Vectors of two standard normal numbers."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, num_candidates, 2]), 1.0), 2)

    def observe(self, documents):
        return documents


def simulator_of(
    level: float = -1.5, slope: float = 1.0, leaves: float = 0.0
) -> recsim_tf.Simulator:
    return _of_users(Visitors(level, slope, leaves))


def _of_users(users: Visitors) -> recsim_tf.Simulator:
    return recsim_tf.Simulator(users, Articles(), _SLATE_SIZE, _NUM_CANDIDATES)


def _policy(sharpness: float, unseen: float = np.inf) -> PlackettLucePolicy:
    """Shows what visitors like, and never articles whose first number is above a bound."""

    def logits(seen):
        liked = sharpness * tf.linalg.matvec(seen.documents, seen.user)
        return tf.where(seen.documents[..., 0] > unseen, -1e9, liked)

    return PlackettLucePolicy.of_logits(logits, _SLATE_SIZE)


class World(NamedTuple):
    """Logs, and the policy that is judged."""

    sharpness: float  # of the policy; that of the policy that logged is `logged`
    num_steps: int = 1
    size: int = 1000  # sessions of a log
    level: float = -1.5
    leaves: float = 0.0
    logged: float = 0.3
    wrong: float = 1.0  # the factor of the propensities of the second step
    unseen: float = np.inf  # articles whose first number is larger are never logged
    revenue: float = 0.0  # the spread of the logarithm of what a click earns
    users: str = ""  # those of `WORLDS`, in the place of visitors
    changing: Changing | None = None  # in the place of visitors
    estimators: tuple[str, ...] = ()  # beside `ips` and `snips`
    is_easy: bool = False  # whether silence would buy the word

    @property
    def simulator(self) -> recsim_tf.Simulator:
        """The users as they are."""
        if self.changing is not None:
            return _of_users(self.changing)
        return WORLDS[self.users] if self.users else simulator_of(self.level, 1.0, self.leaves)

    def policy(self, sharpness: float) -> PlackettLucePolicy:
        """A policy that shows what users like."""
        return affine(sharpness) if self.users else _policy(sharpness)

    @property
    def logging(self) -> PlackettLucePolicy:
        """The policy that logs."""
        if np.isinf(self.unseen):
            return self.policy(self.logged)
        return _policy(self.logged, self.unseen)


_LONG = {"num_steps": 20, "leaves": 0.2}
_WEIGHTED = {
    "near": World(0.5, is_easy=True),
    "sharper": World(1.0),
    "much sharper": World(1.6),
    "sharpest": World(2.4),
    "additive": World(1.5, users="independent", logged=1.0, is_easy=True),
    "clicks end a page": World(2.0, users="cascade", logged=1.0),
    "several clicks": World(2.0, users="several_clicks", logged=1.0),
    "revenue": World(0.5, revenue=1.0, is_easy=True),
    "rare clicks": World(0.6, size=2000, level=-7.0),
    "3% never logged": World(0.5, unseen=2.1),
    "30% never logged": World(0.5, unseen=1.0),
    "neighbours": World(
        1.0, changing=Changing(contrast=0.7), estimators=("snset_ips", "snrips", "sniips")
    ),
    "types": World(0.4, 10, changing=Changing(types=1.0), estimators=("snstep_ips",)),
    "moods": World(0.4, 10, changing=Changing(-2.5, moods=0.5), estimators=("snstep_ips",)),
    "10 steps": World(0.4, 10, leaves=0.2, estimators=("snstep_ips",)),
    "20 steps": World(0.4, **_LONG),
    "20 steps, sharper": World(0.5, **_LONG),
    "20 steps, much sharper": World(0.6, **_LONG),
    "20 steps, sharpest": World(0.9, **_LONG),
    "10 steps, wrong at one": World(0.4, 10, leaves=0.2, wrong=1.3),
}
_QUICK = (
    *("near", "10 steps, wrong at one"),
    *("right model", "half, sharp policy", "fitted to the log"),
)
# Models of which more logs are simulated.
_MANY = ("right model", "half of the slope", "fitted to the log")
_JUDGED = World(0.6, 4, 500)
# A sharper policy in longer sessions, where half of the slope is never right about the gain.
_SHARP = World(1.5, 8, 500, logged=0.5)


def measure(settings: Settings) -> Section:
    """Verdicts of `ips` and `snips` in worlds of one step and of many, and of `calibrated` and the
    estimate to read beside models.
    """
    weighted, accused = _by_weights(settings)
    figures, rows = {}, [_HEAD]
    for (world, estimator), row in (weighted | _by_models(settings)).items():
        figures |= {f"ope.{world}.{estimator}.{key}": value for key, value in row.items()}
        if estimator in ("snips", "calibrated"):
            figures |= {f"ope.{world}.{key}": row[key] for key in ("believed", "value", "gain")}
        rows.append(_row(world, estimator, row))
    # Where slates were never logged, the accusation names that cause too.
    right = [
        share
        for name, share in accused.items()
        if _WEIGHTED[name].wrong == 1 and np.isinf(_WEIGHTED[name].unseen)
    ]
    easy = [f"ope.{name}.believed" for name in accused if _WEIGHTED[name].is_easy]
    easy.append("ope.right model.believed")
    figures |= {
        "ope.least_value": _least(figures, "value"),
        "ope.least_gain": _least(figures, "gain"),
        "ope.easy_believed": min(figures[name] for name in easy),
        "ope.accused": max(right),
        "ope.found_propensities": accused["10 steps, wrong at one"],
        "ope.best": figures["ope.right model.to read.value"],
        "ope.half_slope_believed": figures["ope.half, sharp policy.believed"],
        "ope.same_log": figures["ope.fitted to the log.gain"],
    }
    bars = {
        "ope.least_value": (_PROMISED, 1.0),
        "ope.least_gain": (_PROMISED, 1.0),
        "ope.easy_believed": (0.9, 1.0),
        "ope.accused": (0.0, 0.02),
        "ope.found_propensities": (0.95, 1.0),
        "ope.best": (_PROMISED, 1.0),
        "ope.half_slope_believed": (0.0, 0.1),
        "ope.same_log": (_PROMISED, 1.0),
    }
    notes = [
        "Shares of logs: in which the estimate is believed; in which its intervals hold, of these;"
        " with care, and of these those whose interval of the gain misses."
    ]
    return section(settings, "Verdicts of estimates", rows, figures, bars, notes)


def _least(figures: dict[str, float], key: str) -> float:
    """The least coverage of worlds in which a word is given in one of ten logs."""
    shares = [
        value
        for name, value in figures.items()
        if name.endswith(f".{key}")
        and name.count(".") == 3
        and figures[f"{name.removesuffix(key)}believed"] >= 0.1
    ]
    return min(shares, default=float("nan"))


def _by_weights(
    settings: Settings,
) -> tuple[dict[tuple[str, str], dict[str, float]], dict[str, float]]:
    """Shares by world and estimator; and by world that of logs whose propensities are accused."""
    shares, accused = {}, {}
    for name, world in _asked(_WEIGHTED, settings).items():
        num_logs = 4 if settings.quick else 200 if world.num_steps == 1 else 100
        truth = _truth(world, settings)
        logging = None if np.isinf(world.unseen) else world.logging
        policy = None if logging is None else world.policy(world.sharpness)
        estimators = ("ips", "snips", *world.estimators)
        results = [
            ope.evaluate(policy, log, estimators, logging=logging)
            for log in logs_of(world, num_logs, settings, with_target=logging is None)
        ]
        for estimator in estimators:
            shares[name, estimator] = _figures([result[estimator] for result in results], truth)
        said = ["propensities are wrong" in result["snips"].verdict.reason for result in results]
        accused[name] = float(np.mean(said))
    return shares, accused


def _by_models(settings: Settings) -> dict[tuple[str, str], dict[str, float]]:
    """Shares by model and estimator."""
    num_simulated = 200 if settings.quick else 5000
    half, half_of_sharp = (
        simulator_of(level_of_slope(world, 0.5), 0.5) for world in (_JUDGED, _SHARP)
    )
    candidates = {
        "right model": (simulator_of(), _JUDGED),
        "half of the slope": (half, _JUDGED),
        "9% more clicks": (simulator_of(-1.38), _JUDGED),
        "right, sharp policy": (simulator_of(), _SHARP),
        "half, sharp policy": (half_of_sharp, _SHARP),
        "fitted to the log": (None, _JUDGED),
    }
    shares = {}
    for name, (model, judged) in _asked(candidates, settings).items():
        truth = _truth(judged, settings)
        num_logs = 2 if settings.quick else 40 if name in _MANY else 20
        results = [
            ope.evaluate(
                _policy(judged.sharpness),
                log,
                ("snips", "simulated", "calibrated"),
                model=fitted(log) if model is None else model,
                logging=_policy(judged.logged),
                num_simulated=num_simulated,
            )
            for log in logs_of(judged, num_logs, settings, with_target=False)
        ]
        estimates = {
            "simulated": [result["simulated"] for result in results],
            "calibrated": [result["calibrated"] for result in results],
            "to read": [result[result.best] for result in results if result.best is not None],
        }
        for estimator, several in estimates.items():
            shares[name, estimator] = _figures(several, truth)
    return shares


def _asked(cases: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """All cases, or those of a quick run."""
    return {name: case for name, case in cases.items() if not settings.quick or name in _QUICK}


def fitted(log: logs.Log) -> Any:
    """Visitors whose level and slope are fitted to a log."""
    parameters = {f"users.{name}": fitting.Parameter(start) for name, start in _STARTS.items()}
    return fitting.fit(
        simulator_of(), parameters, log, method=fitting.Exact(search=fitting.LBFGS(progress=False))
    )


_STARTS = {"level": -1.0, "slope": 0.5}
_HEAD = ("world", "estimator", "believed", "value held", "gain held", "with care", "deserved")


def logs_of(
    world: World, num_logs: int, settings: Settings, with_target: bool = True
) -> Iterator[logs.Log]:
    """The logs, one after the other."""
    logging, simulator = world.logging, world.simulator
    target = densities(world.policy(world.sharpness))
    size = 60 if settings.quick else world.size
    at_once = max(400_000 // world.num_steps // size, 1)
    for first in range(0, num_logs, at_once):
        number = min(at_once, num_logs - first)
        seed = settings.seed + 1 + first
        trajectory = simulator.rollout(logging, number * size, world.num_steps, seed)
        log = logs.from_trajectory(trajectory, simulator, logging=logging)
        if with_target:
            log = log._replace(target=target(log), observation=(), documents=())
        if world.wrong != 1:
            slate = log.propensity.slate.copy()
            slate[:, 1] -= np.log(world.wrong)
            log = log._replace(propensity=logs.SlateLogProbs(slate=slate))
        if world.revenue:
            normal = np.random.default_rng(seed).standard_normal(log.reward.shape)
            # Its mean is 1.
            earned = np.exp(world.revenue * normal - world.revenue**2 / 2)
            log = log._replace(reward=log.reward * earned)
        for start in range(0, number * size, size):
            yield log.take(slice(start, start + size))


def _truth(world: World, settings: Settings) -> tuple[float, float]:
    """The value of the policy, and what it gains."""
    number = 2_000 if settings.quick else _NUM_TRUTH // world.num_steps
    values = [
        ope.truth(world.simulator, policy, world.num_steps, number, seed=7).value
        for policy in (world.policy(world.sharpness), world.logging)
    ]
    return values[0], values[0] - values[1]


def level_of_slope(world: World, slope: float) -> float:
    """The level with which a slope meets the mean of the log."""
    earned = ope.truth(world.simulator, _policy(world.logged), 1, 100_000, seed=3).value
    low, high = -3.0, 0.0
    for _ in range(12):
        middle = (low + high) / 2
        model = simulator_of(middle, slope)
        value = ope.truth(model, _policy(world.logged), 1, 100_000, seed=3).value
        low, high = (middle, high) if value < earned else (low, middle)
    return (low + high) / 2


def _figures(estimates: list[ope.Estimate], truth: tuple[float, float]) -> dict[str, float]:
    """Shares of logs; NaN where there is none."""
    value, gain = truth
    held = np.array(
        [
            (
                estimate.interval[0] <= value <= estimate.interval[1],
                estimate.gain.interval[0] <= gain <= estimate.gain.interval[1],
            )
            for estimate in estimates
        ]
    ).reshape(-1, 2)
    words = np.array([estimate.verdict.word for estimate in estimates])
    believed, care = np.isin(words, [BELIEVABLE, WIDE]), words == WITH_CARE

    def share(values: np.ndarray) -> float:
        return float(values.mean()) if len(values) else float("nan")

    return {
        "believed": share(believed),
        "value": share(held[believed, 0]),
        "gain": share(held[believed, 1]),
        "care": share(care),
        # Of the logs with care those whose interval of the gain misses.
        "deserved": share(~held[care, 1]),
    }


def _row(name: str, estimator: str, figures: dict[str, float]) -> tuple[str, ...]:
    cells = ["" if np.isnan(figure) else f"{figure:.2f}" for figure in figures.values()]
    return (name, estimator, *cells)
