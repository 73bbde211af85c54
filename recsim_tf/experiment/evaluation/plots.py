"""Plots of results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.support.plots import Curve, Estimate, draw_curves, draw_estimates, figure


def plot_learning_curve(
    path: Path, rows: Sequence[dict[str, Any]], results: Sequence[PolicyResult], agent_name: str
) -> None:
    """Draws the mean return of the agent against simulated steps, by the rows of metrics.jsonl
    that hold an evaluation, with a line for every other policy of the final evaluation.
    """
    curve = [row for row in rows if "AverageEpisodeRewards/eval" in row]
    steps = [row["env_steps"] / 1e6 for row in curve]
    returns = np.array([row["AverageEpisodeRewards/eval"] for row in curve])
    bands = np.array([2 * row["StandardError/eval"] for row in curve])
    by_name = {result.name: result for result in results}
    agent = by_name.pop(agent_name)
    label = f"{agent_name} {agent.mean_return:.1f}"
    with figure(path) as axes:
        axes.plot(steps[-1], agent.mean_return, "o", color="C0")
        draw_curves(
            axes,
            [Curve(label, steps, returns, returns - bands, returns + bands)],
            {name: result.mean_return for name, result in by_name.items()},
        )
        axes.set_title(
            f"{agent_name}: {agent.mean_return:.1f} ± {agent.standard_error:.1f} over"
            f" {agent.episodes:,} sessions"
        )
        axes.set_xlabel("simulated user steps in training (millions)")
        axes.set_ylabel("mean return of a session")


def plot_returns(path: Path, results: Sequence[PolicyResult]) -> None:
    """Draws the mean return of every policy, with bars of two standard errors."""
    estimates = []
    for result in results:
        mean, error = result.mean_return, result.standard_error
        label = f"{result.name}\n{mean:.1f} ± {error:.1f}"
        estimates.append(Estimate(label, mean, mean - 2 * error, mean + 2 * error))
    with figure(path, (9, 1.7 + 0.55 * len(results))) as axes:
        draw_estimates(axes, estimates)
        axes.set_xlabel("mean return of a session, ± one standard error; bars: two")
        axes.set_title(f"{results[0].episodes:,} sessions a policy")


def plot_values(path: Path, results: Sequence[PolicyResult]) -> None:
    """Draws the mean return of every policy against the compared parameter, within two standard
    errors; the seeds are taken together. Without one parameter of two or more numbers nothing is
    drawn.
    """
    settings = [result.setting.values for result in results if result.setting is not None]
    if len(settings[0]) != 1 or any(
        np.ndim(value) for values in settings for value in values.values()
    ):
        return
    (name,) = settings[0]
    points = sorted({values[name] for values in settings})
    if len(points) < 2:
        return
    curves = []
    for policy in dict.fromkeys(result.policy for result in results):
        of_policy = [
            (values[name], result.sessions.reward)
            for result, values in zip(results, settings, strict=True)
            if result.policy == policy
        ]
        returns = [
            np.concatenate([rewards for given, rewards in of_policy if given == value])
            for value in points
        ]
        means = np.array([sessions.mean() for sessions in returns])
        bands = np.array([2 * each.std() / np.sqrt(len(each) - 1) for each in returns])
        curves.append(Curve(policy, points, means, means - bands, means + bands))
    with figure(path) as axes:
        draw_curves(axes, curves)
        axes.set_xlabel(name)
        axes.set_ylabel("mean return of a session, ± two standard errors")
        axes.set_title(f"{len(returns[0]):,} sessions a value")
