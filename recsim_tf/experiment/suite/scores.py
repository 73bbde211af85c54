# SPDX-License-Identifier: Apache-2.0
"""Scores of policies: their returns as shares of the way from random slates to the bound."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recsim_tf.experiment import config
from recsim_tf.experiment.commands.simulate import Simulation
from recsim_tf.experiment.comparing import environments
from recsim_tf.experiment.gin.bindings import Reference, built, values
from recsim_tf.experiment.sweeps.plan import GIN_FILE
from recsim_tf.experiment.sweeps.results import (
    IntervalEstimate,
    SweepResult,
    TrialResult,
    interval_estimate,
)
from recsim_tf.experiment.sweeps.trial import FINISHED
from recsim_tf.optima import bounds
from recsim_tf.optima.bound import Bound
from recsim_tf.policies import BASELINES
from recsim_tf.support.errors import UsageError, one_line
from recsim_tf.support.files import read_json, read_text, write_json

RANDOM = BASELINES["random"].title
_BOUNDS_FILE = "bounds.json"
# The share of the headroom from which on an environment counts as solved.
SOLVED = 0.9
# An interval of 95 % has so many standard errors on each side.
_ERRORS = 1.96
# A return above a bound by more than so many standard errors is a violation.
_MOST_ERRORS = 2.0


class Score(NamedTuple):
    """A return as a share of the way from random slates, 0, to the bound, 1."""

    value: float
    low: float  # of the interval of 95 %
    high: float

    @classmethod
    def of(cls, estimate: IntervalEstimate, random: Mapping[str, Any], bound: Bound) -> "Score":
        """The score of a return. Its interval holds the errors of the return, of random slates and
        of the bound, as if they were independent. The same users meet both policies, so it is
        rather too wide.
        """
        headroom = bound.value - random["mean_return"]
        value = (estimate.value - random["mean_return"]) / headroom
        other = _ERRORS * math.hypot((1 - value) * random["standard_error"], value * bound.error)
        below, above = (
            math.hypot(end - estimate.value, other) / headroom
            for end in (estimate.low, estimate.high)
        )
        return cls(value, value - below, value + above)


class Entry(NamedTuple):
    """A policy in an environment."""

    policy: str  # the name of the config of an agent, or the title of a rule
    is_agent: bool
    num_seeds: int
    value: float  # the return: the mean over sessions, and the interquartile mean over seeds
    low: float
    high: float
    user_steps: float  # of a training, 0 for rules
    seconds: float  # of a training
    score: Score | None


class Environment(NamedTuple):
    """An environment of the suite."""

    name: str
    random: float
    bound: Bound | None
    entries: Sequence[Entry]  # the best first
    reason: str  # why there are no scores; "" where there are

    def best(self, is_agent: bool) -> Entry | None:
        """The best agent, or the best rule beside random slates; None if there is none."""
        entries = [entry for entry in self.entries if entry.policy != RANDOM]
        return next((entry for entry in entries if entry.is_agent == is_agent), None)

    @property
    def is_solved(self) -> bool:
        """True if an agent or a rule reaches nine tenths of the headroom."""
        best = self.best(is_agent=True), self.best(is_agent=False)
        scores = [entry.score.value for entry in best if entry is not None and entry.score]
        return max(scores, default=0) >= SOLVED

    @property
    def violations(self) -> list[str]:
        """Policies whose return is above the bound by more than two standard errors."""
        if self.bound is None:
            return []
        return [
            entry.policy
            for entry in self.entries
            if entry.value - self.bound.value
            > _MOST_ERRORS * math.hypot((entry.high - entry.low) / 2 / _ERRORS, self.bound.error)
        ]


class Ruled(NamedTuple):
    """The simulation of an environment under random slates and rules."""

    config: str
    folder: Path
    policies: Sequence[Mapping[str, Any]]  # of results.json


def read_scores(result: SweepResult, ruled: Sequence[Ruled], folder: Path) -> list[Environment]:
    """The scores of the rules and the finished trials of a suite, by environment. Bounds are
    computed once for each environment and kept in the folder.

    Raises:
      UsageError: if the trials of an environment differ from its simulation in what users meet, if
        a trial is in no environment, or if random slates are not simulated.
    """
    agents: dict[str, list[TrialResult]] = {_simulator_of(each.config): [] for each in ruled}
    for trial in result.trials:
        if trial.status == FINISHED:
            name = _simulator_of(trial.trial.config)
            if name not in agents:
                raise UsageError(
                    f"suite.rules must have a config of {name}, the environment of trial"
                    f" {trial.trial.name}, got {', '.join(agents)}"
                )
            agents[name].append(trial)
    kept = _kept_bounds(folder)
    found = [
        _environment(name, rules, trials, folder, kept)
        for rules, (name, trials) in zip(ruled, agents.items(), strict=True)
    ]
    write_json(folder / _BOUNDS_FILE, kept)
    return found


def _simulator_of(text: str) -> str:
    """The name of the simulator in a configuration, such as "news" of "@news()"."""
    bound = values(text)
    return Reference(bound.get("experiment.simulator") or bound["simulate.simulator"]).name


def _environment(
    name: str, ruled: Ruled, trials: Sequence[TrialResult], folder: Path, kept: dict[str, Any]
) -> Environment:
    content = read_text(ruled.folder / environments.FILE, "run it again")
    for trial in trials:
        other = read_text(folder / trial.folder / environments.FILE, "run it again")
        if _parts(other) != _parts(content):
            raise UsageError(
                f"trial {trial.trial.name} must have the environment of {ruled.folder}:"
                " recsim-tf compare names the differences"
            )
    returns = {policy["name"]: policy for policy in ruled.policies}
    if RANDOM not in returns:
        raise UsageError(f'simulate.policies of {name} must have "random" for scores')
    random = returns[RANDOM]
    bound, reason = _bound(ruled, content, kept)
    if bound is not None:
        error = math.hypot(random["standard_error"], bound.error)
        if bound.value - random["mean_return"] <= _MOST_ERRORS * error:
            reason = "random slates earn as much as any"

    def entry(policy: str, rows: Sequence[Mapping[str, Any]], train: Sequence[TrialResult]):
        estimate = interval_estimate(
            [row["mean_return"] for row in rows], [row["standard_error"] for row in rows]
        )
        numbers = estimate.value, estimate.low, estimate.high
        score = None if bound is None or reason else Score.of(estimate, random, bound)
        steps, seconds = (
            sum(trial.measured[column] or 0 for trial in train) / max(len(train), 1)
            for column in ("env_steps", "seconds")
        )
        return Entry(policy, bool(train), max(len(train), 1), *numbers, steps, seconds, score)

    agents: dict[str, list[TrialResult]] = {}
    for trial in trials:
        agents.setdefault(_agent_of(trial), []).append(trial)
    entries = [entry(policy, [row], []) for policy, row in returns.items()]
    entries += [
        entry(agent, [trial.policies[-1] for trial in of_agent], of_agent)
        for agent, of_agent in agents.items()
    ]
    entries.sort(key=lambda each: each.value, reverse=True)
    return Environment(name, random["mean_return"], bound, entries, reason)


def _agent_of(trial: TrialResult) -> str:
    """The name of the agent of a trial: that of its first gin file, such as "reinforce"."""
    files = trial.trial.variant.bindings.get(GIN_FILE, trial.trial.variant.label)
    return Path(files if isinstance(files, str) else files[0]).stem.lstrip("_")


def _parts(content: str) -> dict[str, str]:
    """What users meet, without the division of the users among processes."""
    return json.loads(content)["parts"]


def _bound(ruled: Ruled, content: str, kept: dict[str, Any]) -> tuple[Bound | None, str]:
    """The bound of an environment, or None with the reason."""
    digest = hashlib.sha256(json.dumps(_parts(content), sort_keys=True).encode()).hexdigest()
    if digest not in kept:
        config.load([], [ruled.config])
        try:
            bound = bounds(built(Simulation, "simulate").simulator)
        except ValueError as error:
            kept[digest] = one_line(error)
        else:
            kept[digest] = (
                "no bound is known" if bound is None else bound._replace(policy=None)._asdict()
            )
    found = kept[digest]
    return (None, found) if isinstance(found, str) else (Bound(**found), "")


def _kept_bounds(folder: Path) -> dict[str, Any]:
    path = folder / _BOUNDS_FILE
    return read_json(path, lambda **kept: kept, "remove it") if path.exists() else {}
