"""Plots of results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.plots import figure


def plot_learning_curve(
    path: Path, rows: Sequence[dict[str, Any]], results: Sequence[PolicyResult], agent_name: str
) -> None:
    """Draws the mean return of the agent against simulated steps, with a line for every other
    policy.

    Args:
      path: of the PNG.
      rows: of metrics.jsonl; those that hold an evaluation are drawn.
      results: of the final evaluation.
      agent_name: the name of the agent in `results`.
    """
    curve = [row for row in rows if "AverageEpisodeRewards/eval" in row]
    with figure(path) as axes:
        steps = [row["env_steps"] / 1e6 for row in curve]
        returns = [row["AverageEpisodeRewards/eval"] for row in curve]
        bands = [2 * row["StandardError/eval"] for row in curve]
        (line,) = axes.plot(steps, returns, linewidth=2)
        low = [value - band for value, band in zip(returns, bands, strict=True)]
        high = [value + band for value, band in zip(returns, bands, strict=True)]
        axes.fill_between(steps, low, high, alpha=0.25, color=line.get_color(), linewidth=0)
        others = [result for result in results if result.name != agent_name]
        handles = [
            (axes.axhline(other.mean_return, color=f"C{row}", linestyle="--", linewidth=1.2), other)
            for row, other in enumerate(others, start=1)
        ]
        agent = next(result for result in results if result.name == agent_name)
        handles.append((line, agent))
        axes.plot(steps[-1], agent.mean_return, "o", color=line.get_color())
        axes.set_title(
            f"{agent_name}: {agent.mean_return:.1f} ± {agent.standard_error:.1f} over"
            f" {agent.episodes:,} sessions"
        )
        # In the order of the lines, and beside them: labels on the lines would cover each other
        # where two returns are close.
        handles.sort(key=lambda handle: -handle[1].mean_return)
        labels = [f"{result.name} {result.mean_return:.1f}" for _, result in handles]
        axes.legend(
            [handle for handle, _ in handles],
            labels,
            loc="upper left",
            bbox_to_anchor=(1, 1),
            frameon=False,
            fontsize=9,
        )
        axes.set_xlabel("simulated user steps in training (millions)")
        axes.set_ylabel("mean return of a session")


def plot_returns(path: Path, results: Sequence[PolicyResult]) -> None:
    """Draws the mean return of every policy, with bars of two standard errors."""
    with figure(path) as axes:
        for row, result in enumerate(results):
            axes.errorbar(
                result.mean_return,
                row,
                xerr=2 * result.standard_error,
                fmt="o",
                capsize=4,
                color=f"C{row}",
            )
        labels = [
            f"{result.name}\n{result.mean_return:.1f} ± {result.standard_error:.1f}"
            for result in results
        ]
        axes.set_yticks(range(len(results)), labels)
        axes.set_ylim(len(results) - 0.5, -0.5)
        axes.set_xlabel("mean return of a session, ± one standard error; bars: two")
        axes.set_title(f"{results[0].episodes:,} sessions a policy")


def plot_values(path: Path, results: Sequence[PolicyResult]) -> bool:
    """Draws the mean return of every policy against the compared parameter, within two standard
    errors; the seeds are taken together.

    Args:
      path: of the PNG.
      results: of a comparison.

    Returns:
      Whether it was drawn: that needs one parameter, with two or more numbers as values.
    """
    settings = [result.setting.values for result in results if result.setting is not None]
    if len(settings[0]) != 1 or any(
        np.ndim(value) for values in settings for value in values.values()
    ):
        return False
    (name,) = settings[0]
    points = sorted({values[name] for values in settings})
    if len(points) < 2:
        return False
    with figure(path) as axes:
        for policy in dict.fromkeys(result.policy for result in results):
            of_policy = [
                (values[name], r.sessions.reward)
                for r, values in zip(results, settings, strict=True)
                if r.policy == policy
            ]
            returns = [
                np.concatenate([rewards for given, rewards in of_policy if given == value])
                for value in points
            ]
            means = np.array([sessions.mean() for sessions in returns])
            bands = np.array(
                [2 * sessions.std() / np.sqrt(len(sessions) - 1) for sessions in returns]
            )
            (line,) = axes.plot(points, means, "o-", label=policy, linewidth=2, markersize=4)
            axes.fill_between(
                points,
                means - bands,
                means + bands,
                alpha=0.25,
                color=line.get_color(),
                linewidth=0,
            )
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
        axes.set_xlabel(name)
        axes.set_ylabel("mean return of a session, ± two standard errors")
        axes.set_title(f"{len(returns[0]):,} sessions a value")
    return True
