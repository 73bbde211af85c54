"""Whether the words of estimates hold: "believable" and "wide" promise that the 95 % intervals of
the value and of the gain hold the truth in at least 92 % of logs.

Visitors see three of six articles a step. They click on each with a probability that depends on how
well it suits them, and may leave after a step without a click. A log is one of many that a policy
of little sharpness made; sharper ones are judged. In `weights` estimates use probabilities alone,
which are wrong in one world. In `models` they use a model of the visitors: the right one; one that
sees half of what suits, with the level that meets the log's mean, so that nothing is off on the
policy that logged; and one of another level.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice, logs, ope
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
        scores = self.level + self.slope * tf.linalg.matvec(slate.documents, state[0])
        return choice.IndependentClicks()(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, tf.float32))

    def update(self, state, slate, response, innovation):
        return state[0], tf.reduce_sum(response.clicked, axis=1)

    def departure(self, state):
        return tfd.Bernoulli(probs=tf.where(state[1] > 0, 0.0, self.leaves), dtype=tf.int32)

    def observe(self, state):
        return state[0]


class Articles(recsim_tf.DocumentModel):
    """Vectors of two standard normal numbers."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, num_candidates, 2]), 1.0), 2)

    def observe(self, documents):
        return documents


def _simulator(level: float = -1.5, slope: float = 1.0, leaves: float = 0.0) -> recsim_tf.Simulator:
    users = Visitors(level, slope, leaves)
    return recsim_tf.Simulator(users, Articles(), _SLATE_SIZE, _NUM_CANDIDATES)


def _policy(sharpness: float) -> PlackettLucePolicy:
    def logits(seen):
        return sharpness * tf.linalg.matvec(seen.documents, seen.user)

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

    @property
    def simulator(self) -> recsim_tf.Simulator:
        return _simulator(self.level, 1.0, self.leaves)


_WEIGHTED = {
    "near": World(0.5),
    "sharper": World(1.0),
    "much sharper": World(1.6),
    "rare clicks": World(0.6, size=2000, level=-7.0),
    "10 steps, near": World(0.4, 10, leaves=0.2),
    "20 steps, near": World(0.4, 20, leaves=0.2),
    "20 steps, sharper": World(0.6, 20, leaves=0.2),
    "20 steps, much sharper": World(0.9, 20, leaves=0.2),
    "10 steps, wrong at one": World(0.4, 10, leaves=0.2, wrong=1.3),
}


def weights(settings: Settings) -> Section:
    """Verdicts of `ips` and `snips`."""
    num_logs = 4 if settings.quick else 100
    figures: dict[str, float] = {}
    rows = [_HEAD]
    for name, world in _WEIGHTED.items():
        truth = _truth(world, settings)
        results = [
            ope.evaluate(None, log, ("ips", "snips")) for log in _logs(world, num_logs, settings)
        ]
        for estimator in ("ips", "snips"):
            row = _figures([result[estimator] for result in results], truth)
            figures |= {f"weights.{name}.{estimator}.{key}": value for key, value in row.items()}
            rows.append(_row(name, estimator, row))
    return section(settings, "Verdicts of estimates by weights", rows, figures, _bars(figures))


def models(settings: Settings) -> Section:
    """Verdicts of `calibrated`, and of the estimate to read, beside models."""
    num_logs = 2 if settings.quick else 20
    num_simulated = 200 if settings.quick else 5000
    world = World(0.6, 4, 500)
    candidates = {
        "right": (_simulator(), world),
        "half of what suits": (_simulator(_level_of_half(world), 0.5), world),
        "9 % more clicks": (_simulator(-1.38), world),
        "right, sharp policy": (_simulator(), world._replace(sharpness=2.0)),
        "half, sharp policy": (
            _simulator(_level_of_half(world), 0.5),
            world._replace(sharpness=2.0),
        ),
    }
    figures: dict[str, float] = {}
    rows = [_HEAD]
    for name, (model, judged) in candidates.items():
        truth = _truth(judged, settings)
        results = [
            ope.evaluate(
                _policy(judged.sharpness),
                log,
                ("snips", "simulated", "calibrated"),
                model=model,
                logging=_policy(judged.logged),
                num_simulated=num_simulated,
            )
            for log in _logs(judged, num_logs, settings, with_target=False)
        ]
        estimates = {
            "simulated": [result["simulated"] for result in results],
            "calibrated": [result["calibrated"] for result in results],
            "to read": [result[result.best] for result in results if result.best is not None],
        }
        for estimator, several in estimates.items():
            row = _figures(several, truth)
            figures |= {f"models.{name}.{estimator}.{key}": value for key, value in row.items()}
            rows.append(_row(name, estimator, row))
    return section(settings, "Verdicts beside models", rows, figures, _bars(figures))


_HEAD = ("world", "estimator", "believed", "value held", "gain held", "with care", "deserved")


def _logs(
    world: World, num_logs: int, settings: Settings, with_target: bool = True
) -> Iterator[logs.Log]:
    """The logs, one after the other."""
    logging, simulator = _policy(world.logged), world.simulator
    target = densities(_policy(world.sharpness))
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
        for start in range(0, number * size, size):
            yield log.take(slice(start, start + size))


def _truth(world: World, settings: Settings) -> tuple[float, float]:
    """The value of the policy, and what it gains."""
    number = 2_000 if settings.quick else _NUM_TRUTH // world.num_steps
    values = [
        ope.truth(world.simulator, _policy(sharpness), world.num_steps, number, seed=7).value
        for sharpness in (world.sharpness, world.logged)
    ]
    return values[0], values[0] - values[1]


def _level_of_half(world: World) -> float:
    """The level with which half of the slope meets the mean of the log."""
    earned = ope.truth(world.simulator, _policy(world.logged), 1, 100_000, seed=3).value
    low, high = -3.0, 0.0
    for _ in range(12):
        middle = (low + high) / 2
        model = _simulator(middle, 0.5)
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


def _bars(figures: dict[str, float]) -> dict[str, tuple[float, float]]:
    """What is promised, where a word is given at all in one of ten logs."""
    return {
        name: (_PROMISED, 1.0)
        for name in figures
        if name.endswith((".value", ".gain"))
        and figures[f"{name.rpartition('.')[0]}.believed"] >= 0.1
    }
