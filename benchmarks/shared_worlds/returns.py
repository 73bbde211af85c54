"""Users who come back: visits within 30 days in ReturnVisits-v0, over five seeds.

SlateQ learns over whole lifetimes, by the packaged config. Beside it are random documents, the
myopic rule, which shows the most clickbait, and the rule that shows the least. A seed is that of
learning, and of the users of the evaluation, who are the same for every policy.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import training_runs
from sections import Section, Settings, mean_and_error, section

import recsim_tf
from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.core.base.types import Policy
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.returning import Lifetimes
from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.training.parts import experiment
from recsim_tf.policies import clickbait_policy, random_policy
from recsim_tf.support import plots

_CONFIG = "return_visits/slate_q.gin"
_SEEDS = 5
_QUICK = (
    "Iteration.replay_length=6",
    "Iteration.batch_size=2",
    "SlateQTargets.num_steps=2",
    "train.warmup_iterations=4",
)
LABELS = {
    "learner": "SlateQ over lifetimes",
    "myopic": "the most clickbait",
    "random": "random documents",
    "kale": "the least clickbait",
}
_SIZES = {
    False: {"users": 5000, "steps": 1000},
    True: {"users": 20, "steps": 20},
}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    seeds = [settings.seed + number for number in range(2 if settings.quick else _SEEDS)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in LABELS}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in seeds:
            learner = _learned(Path(scratch) / str(seed), seed, settings.quick)
            for name, policy in _policies(learner).items():
                found[name].append(_lifetimes(policy, seed, size))
    figures: dict[str, float] = {}
    rows = [("policy", "visits", "±", "return", "±", "gap", "days active", "day 7", "day 28")]
    for name, label in LABELS.items():
        visits = _mean_and_error(found[name], "visits")
        returns = _mean_and_error(found[name], "return")
        figures |= {f"returns.{name}": visits[0], f"returns.{name}_se": visits[1]}
        figures |= {f"returns.{name}_return": returns[0], f"returns.{name}_return_se": returns[1]}
        retention = np.mean([one["rolling_retention"] for one in found[name]], axis=0)
        rows.append(
            (
                label,
                *(f"{number:.2f}" for number in visits),
                *(f"{number:.1f}" for number in returns),
                f"{_mean_and_error(found[name], 'mean_gap')[0]:.2f}",
                f"{_mean_and_error(found[name], 'days_active')[0]:.2f}",
                f"{retention[7]:.3f}",
                f"{retention[28]:.3f}",
            )
        )
    title = "Lifetimes of ReturnVisits-v0; day N is rolling retention: a visit on that day or later"
    details = {
        "by_seed": {name: [one["visits"] for one in found[name]] for name in LABELS},
        "retention": {name: _curve(found[name], "retention") for name in LABELS},
        "rolling_retention": {name: _curve(found[name], "rolling_retention") for name in LABELS},
    }
    return section(settings, title, rows, figures, _bars(figures), details=details)


def draw(details: Mapping[str, Any], path: str) -> None:
    """Writes a PNG: retention by day, for each policy."""
    titles = {
        "retention": "a visit on day N",
        "rolling_retention": "a visit on day N or later",
    }
    with plots.figures(path, (9.0, 3.8), 1, 2) as both:
        for axes, (kind, title) in zip(both, titles.items(), strict=True):
            for name, label in LABELS.items():
                curve = details[kind][name]
                days = np.arange(len(curve["mean"]))
                axes.errorbar(days, curve["mean"], curve["se"], capsize=2, label=label)
            axes.set(xlabel="days since the first visit", ylabel="share of users", ylim=(0, 1.02))
            axes.set_title(title, fontsize=10)
        both[0].legend(fontsize=8)


def _policies(learner: Policy) -> dict[str, Policy]:
    simulator = recsim_tf.return_visits()
    return {
        "learner": learner,
        "myopic": clickbait_policy(simulator, 1.0),
        "random": random_policy(simulator),
        "kale": clickbait_policy(simulator, 0.0),
    }


def _learned(folder: Path, seed: int, quick: bool) -> Policy:
    """The policy that a training serves."""
    training_runs.run(folder, training_runs.Row(_CONFIG), seed, quick, _QUICK)
    config.load([str(folder / "config.gin")], [])
    parts = experiment()
    RunDirectory(folder).restore_latest(parts.agent_checkpoint, whole=False)
    return rollout_policy(parts.policy)


def _lifetimes(policy: Policy, seed: int, size: Mapping[str, int]) -> dict[str, Any]:
    """Means over lifetimes, and retention by day."""
    simulator = recsim_tf.return_visits()
    num_users, num_days = size["users"], int(simulator.users.horizon)
    run = compiled(
        lambda seed: simulator.fold(
            policy,
            num_users,
            size["steps"],
            seed,
            Lifetimes.add,
            Lifetimes.zeros(num_users, num_days),
        )
    )
    found = run(as_seed(1000 + seed))
    return {
        "visits": float(np.mean(found.visits)),
        "return": float(np.mean(found.reward)),
        "mean_gap": float(found.mean_gap),
        "days_active": float(np.mean(found.num_active_days)),
        "retention": found.retention.numpy(),
        "rolling_retention": found.rolling_retention.numpy(),
    }


def _mean_and_error(found: list[dict[str, Any]], what: str) -> tuple[float, float]:
    return mean_and_error(np.array([one[what] for one in found]))


def _curve(found: list[dict[str, Any]], what: str) -> dict[str, list[float]]:
    curves = np.stack([one[what] for one in found])
    error = curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
    return {"mean": curves.mean(axis=0).tolist(), "se": error.tolist()}


def _bars(figures: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The learner is above the myopic rule and above random documents by more than two standard
    errors.
    """
    bars: dict[str, tuple[float, float]] = {}
    for what in ("", "_return"):
        own = figures[f"returns.learner{what}_se"]
        least = max(
            figures[f"returns.{name}{what}"]
            + 2 * float(np.hypot(figures[f"returns.{name}{what}_se"], own))
            for name in ("myopic", "random")
        )
        bars[f"returns.learner{what}"] = least, float("inf")
    return bars
