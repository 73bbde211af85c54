# SPDX-License-Identifier: Apache-2.0
"""Default: fits with hidden tastes by the method that `fit` chooses, and by `MeanField`.

Each world hides a draw of its users from the log. All parameters are fitted to each of some logs of
two sizes. z is an estimate less the truth, in its standard errors; its mean over logs has a
standard error of about 1 / root(logs). The fits by `MeanField`, of a few logs, give the CPU seconds
to compare with alone, since they have no standard errors.

tastes: clicks on each document of a slate, with an intercept and a slope that are hidden.
choice: one choice of each slate, with a kind of user and a taste, one joint draw, both hidden.
dwell: seconds of each document that is shown, with a hidden scale, which a session tells well.
leaving: clicks whose hidden taste also makes users stay.
"""

import collections
import functools
import itertools
import time
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, kept, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice
from recsim_tf.fitting import Draws, MeanField, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.methods.method import Method
from recsim_tf.logs import simulated_log

_SLATE_SIZE, _NUM_CANDIDATES, _NUM_STEPS = 3, 6, 8
_SIZES = {False: (300, 3000), True: (50,)}  # sessions of a log
_TIMED_LOGS = 5  # of each world and size, that are fitted by `MeanField` too
_COVERAGE_BAR, _Z_BAR, _CPU_BAR = 0.9, 2.0, 2.0


class Numbers(recsim_tf.DocumentModel):
    """Documents of one standard normal feature, [B, N]."""

    def candidates(self, num_users, num_candidates, corpus, user):
        zeros = tf.zeros([num_users, num_candidates], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1)

    def observe(self, documents):
        return documents


class Hidden(recsim_tf.UserModel):
    """Users of two hidden standard normals, [B, 2], who click on documents on their own."""

    base: Any = recsim_tf.parameter(-1.0)
    slope: Any = recsim_tf.parameter(0.8)
    base_spread: Any = recsim_tf.parameter(0.8, low=0)
    slope_spread: Any = recsim_tf.parameter(0.6, low=0)
    leave: Any = recsim_tf.parameter(-2.0)

    def initial_draws(self, num_users):
        zeros = tf.zeros([num_users, 2], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1)

    def initial_state(self, draw):
        return draw

    def number(self, name: str, rank: int) -> tf.Tensor:
        """A parameter with so many axes."""
        return self.per_user(name, rank, self.dtype)

    def scores(self, state, documents):
        base = self.number("base", 2) + self.number("base_spread", 2) * state[:, :1]
        slope = self.number("slope", 2) + self.number("slope_spread", 2) * state[:, 1:]
        return base + slope * documents

    def response(self, state, slate):
        return choice.IndependentClicks()(self.scores(state, slate.documents), slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, self.dtype))

    def departure(self, state):
        return tfd.Bernoulli(logits=self.number("leave", 1) + 0 * state[:, 0])

    def observe(self, state):
        return state


class Staying(Hidden):
    """Users whose first hidden normal also makes them stay."""

    stay: Any = recsim_tf.parameter(1.0)

    def departure(self, state):
        return tfd.Bernoulli(logits=self.number("leave", 1) - self.number("stay", 1) * state[:, 0])


class Kind(NamedTuple):
    """A hidden kind and a hidden taste, [B] each."""

    kind: Any
    taste: Any


class Choosers(Hidden):
    """Users of a hidden kind, one of two, and a hidden taste, who choose one document or none."""

    share: Any = recsim_tf.parameter(0.4, low=0, high=1)
    apart: Any = recsim_tf.parameter(2.0)
    spread: Any = recsim_tf.parameter(0.7, low=0)

    def initial_draws(self, num_users):
        probs = self.number("share", 1)
        kind = tfd.Bernoulli(probs=tf.broadcast_to(probs, [num_users]), dtype=tf.int32)
        normal = tfd.Normal(tf.zeros([num_users], self.dtype), tf.ones([], self.dtype))
        return tfd.JointDistributionNamed(Kind(kind, normal))

    def response(self, state, slate):
        taste = self.number("spread", 1) * state.taste + self.number("slope", 1)
        taste += self.number("apart", 1) * tf.cast(state.kind, self.dtype)
        scores = taste[:, tf.newaxis] * slate.documents + self.number("base", 2)
        return choice.MultinomialLogit(0.0)(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype))

    def departure(self, state):
        return tfd.Bernoulli(logits=self.number("leave", 1) + 0 * state.taste)

    def observe(self, state):
        return state.taste


class Seconds(NamedTuple):
    """The response of a slate."""

    clicked: Any  # [B, K]
    seconds: Any  # [B, K]


class Watchers(Hidden):
    """Users of a hidden scale, [B], who watch everything that they are shown."""

    level: Any = recsim_tf.parameter(3.0)
    level_spread: Any = recsim_tf.parameter(0.5, low=0)
    noise: Any = recsim_tf.parameter(0.8, low=0)

    def initial_draws(self, num_users):
        scale = tf.broadcast_to(self.number("level_spread", 1), [num_users])
        return tfd.LogNormal(tf.zeros([num_users], self.dtype), scale)

    def response(self, state, slate):
        loc = self.number("level", 2) + tf.math.log(state)[:, tf.newaxis]
        loc += self.number("slope", 2) * slate.documents
        return tfd.Independent(tfd.LogNormal(loc, self.number("noise", 2)), 1)

    def outcome(self, state, slate, draw):
        return Seconds(tf.ones_like(draw), draw)

    def departure(self, state):
        return tfd.Bernoulli(logits=self.number("leave", 1) + 0 * state)


class World(NamedTuple):
    """A world whose parameters are fitted."""

    users: type[Hidden]
    # the truth and the start, by the name of the parameter
    truth: dict[str, tuple[float, float]]
    has_mean_field: bool = True


_SPREADS = {
    "base_spread": (0.8, 0.5),
    "slope_spread": (0.6, 0.5),
    "spread": (0.7, 0.4),
    "level_spread": (0.5, 1.0),
}
_CLICKS = {"base": (-1.0, -0.5), "slope": (0.8, 0.4), "leave": (-2.0, -1.5)}
_TWO = {name: _SPREADS[name] for name in ("base_spread", "slope_spread")}
WORLDS = {
    "tastes": World(Hidden, {**_CLICKS, **_TWO}),
    "choice": World(
        Choosers,
        {
            "slope": (-0.5, -0.3),
            "apart": (2.0, 1.5),
            "share": (0.4, 0.5),
            "spread": _SPREADS["spread"],
        },
        has_mean_field=False,
    ),
    "dwell": World(
        Watchers,
        {
            "level": (3.0, 2.0),
            "slope": (0.3, 0.0),
            "noise": (0.8, 1.5),
            "level_spread": _SPREADS["level_spread"],
        },
    ),
    "leaving": World(Staying, {**_CLICKS, **_TWO, "stay": (1.0, 0.3)}),
}


def simulator_of(world: World) -> recsim_tf.Simulator:
    """The simulator of a world at its truth."""
    truth = {f"users.{name}": value for name, (value, _) in world.truth.items()}
    simulator = recsim_tf.Simulator(world.users(), Numbers(), _SLATE_SIZE, _NUM_CANDIDATES)
    return simulator.with_parameters(truth)


def parameters_of(world: World) -> dict[str, Parameter]:
    """The parameters of a world, with starts away from the truth."""
    supports = dict.fromkeys([*_SPREADS, "noise"], "positive") | {"share": "unit"}
    return {
        f"users.{name}": Parameter(start, supports.get(name, "real"))
        for name, (_, start) in world.truth.items()
    }


def _fit(simulator: recsim_tf.Simulator, world: World, log: Any, seed: int, method: Any) -> Any:
    """A fit, and its CPU seconds."""
    started = time.process_time()
    result = fit(simulator, parameters_of(world), log, method=method, seed=seed)
    return result, time.process_time() - started


def _described(method: Method) -> str:
    """The method in a few words."""
    return f"{method.num_draws} {method.points}" if isinstance(method, Draws) else str(method)


def row(world: World, result: FitResult, seconds: float) -> dict[str, Any]:
    """The z-scores and the coverage of the parameters of a fit."""
    estimates = {name: result.estimates[f"users.{name}"] for name in world.truth}
    return {
        "method": _described(result.method),
        "ending": result.ending,
        "cpu_seconds": seconds,
        "estimates": {name: float(each.value) for name, each in estimates.items()},
        "standard_errors": {name: float(each.standard_error) for name, each in estimates.items()},
        "z": {
            name: float((each.value - world.truth[name][0]) / each.standard_error)
            for name, each in estimates.items()
        },
        "covered": {
            name: bool(each.low <= world.truth[name][0] <= each.high)
            for name, each in estimates.items()
            if np.isfinite(each.standard_error)
        },
    }


def _of_log(
    settings: Settings, simulator: recsim_tf.Simulator, world: World, size: int, replication: int
) -> dict[str, Any]:
    """The fit of a log by the default, and the CPU seconds of `MeanField` where it is timed."""
    seeds = [settings.seed, 10_000 * size + replication]
    log = simulated_log(simulator, size, _NUM_STEPS, seeds, latent=("initial",))
    by_default = row(world, *_fit(simulator, world, log, replication, None))
    seconds = []
    if world.has_mean_field and replication < _TIMED_LOGS:
        seconds = [_fit(simulator, world, log, replication, MeanField())[1]]
    return {"default": by_default, "seconds of MeanField": seconds}


def default(settings: Settings) -> Section:
    """Fits of all worlds and sizes, as many as there are replications."""
    heads = ("mean z of", "", "coverage", "no interval", "CPU s", "ratio")
    table: list[tuple[str, ...]] = [("world", "sessions", "method", *heads)]
    details: dict[str, Any] = {}
    all_bias, all_ratios, all_covered = [], [], []
    for (name, world), size in itertools.product(WORLDS.items(), _SIZES[settings.quick]):
        simulator, of_world, by_mean_field = simulator_of(world), [], []
        for replication in range(settings.replications):
            fits = kept(
                settings,
                f"{name}, {size} sessions, log {replication}",
                functools.partial(_of_log, settings, simulator, world, size, replication),
            )
            of_world.append(fits["default"])
            by_mean_field += fits["seconds of MeanField"]
        covered = [each for row in of_world for each in row["covered"].values()]
        errors = np.array([[*row["standard_errors"].values()] for row in of_world])
        z = {each: np.array([row["z"][each] for row in of_world]) for each in world.truth}
        # In standard errors of the mean over logs; the spreads are what is easily biased.
        bias = {
            each: float(np.nanmean(values) * np.sqrt(np.isfinite(values).sum()))
            for each, values in z.items()
            if each in _SPREADS
        }
        worst = max(bias, key=lambda each: abs(bias[each]))
        seconds = np.median([row["cpu_seconds"] for row in of_world])
        ratio = seconds / np.median(by_mean_field) if by_mean_field else np.nan
        method = collections.Counter(row["method"] for row in of_world).most_common(1)[0][0]
        table.append(
            (
                name,
                f"{size:,}",
                method,
                worst,
                f"{bias[worst]:+.1f} s.e.",
                f"{np.mean(covered):.3f}",
                f"{np.isnan(errors).sum()}",
                f"{seconds:.1f}",
                "" if np.isnan(ratio) else f"{ratio:.2f}",
            )
        )
        details[f"{name}, {size} sessions"] = {
            "mean z": {each: float(np.nanmean(values)) for each, values in z.items()},
            "coverage": float(np.mean(covered)),
            "cpu_seconds": float(seconds),
            "method": method,
        }
        all_bias.append(abs(bias[worst]))
        all_covered += covered
        all_ratios += [] if np.isnan(ratio) else [ratio]
    figures = {
        "default.max_bias_z": max(all_bias),
        "default.coverage": float(np.mean(all_covered)),
        "default.cpu_ratio": max(all_ratios),
    }
    bars = {
        "default.max_bias_z": (0.0, _Z_BAR),
        "default.coverage": (_COVERAGE_BAR, 1.0),
        "default.cpu_ratio": (0.0, _CPU_BAR),
    }
    title = f"{settings.replications} logs of each world and size."
    notes = [
        "Mean z of the spread with the largest one, in standard errors of the mean over logs.",
        "No interval: estimates without one, such as a spread at zero; coverage is of the others.",
    ]
    return section(settings, title, table, figures, bars, notes, details=details, left=(0, 2, 3))
