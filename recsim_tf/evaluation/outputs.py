# SPDX-License-Identifier: Apache-2.0
"""Tables of the single sessions of results, and plots of results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsim_tf.evaluation.policy_results import PolicyResult
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.means import Mean
from recsim_tf.support.plots import Curve, Estimate, draw_curves, draw_estimates, new_figure


def sessions_table(results: Sequence[PolicyResult]) -> Any:
    """A DataFrame with a row for every session under every policy, in the order of `results`.

    The columns are policy, with value and seed if these were compared; user, counted from 0, the
    same users under every policy with the same seed; return, which is RecSim's `returns_<steps>`
    file; steps; clicks; if responses have a quality, mean_quality of the clicked documents, empty
    without a click; and outcome: "left" if the user left, "time_limit" if the simulator's time
    limit ended the session, "cut_off" if it was still running at the end of the evaluation. The
    last columns are measures of `Evaluation.measures` with a number for each session, and segments.
    """
    return pandas().concat(map(_sessions, results))


def _sessions(result: PolicyResult) -> Any:
    """A DataFrame with a row for each session."""
    sessions = result.sessions
    columns = {"policy": result.name, "user": np.arange(result.episodes)}
    columns |= {name: sessions[name] for name in ("return", "steps", "clicks")}
    if "quality" in sessions:
        clicks = np.where(sessions["clicks"] > 0, sessions["clicks"], np.nan)
        columns["mean_quality"] = sessions["quality"] / clicks
    columns["outcome"] = np.select(
        [sessions["left"] > 0, sessions["time_limit"] > 0], ["left", "time_limit"], "cut_off"
    )
    last = [name for name in (*result.given, *result.segments) if name in sessions]
    columns |= {name: sessions[name] for name in last if sessions[name].ndim == 1}
    return pandas().DataFrame(columns)


def plot_learning_curve(
    rows: Sequence[dict[str, Any]], results: Sequence[PolicyResult], agent_name: str
) -> Any:
    """A figure of the mean return of the agent against simulated steps, from the rows of
    metrics.jsonl with an evaluation. Every other policy of the final evaluation is a line.
    """
    curve = [row for row in rows if "AverageEpisodeRewards/eval" in row]
    steps = [row["env_steps"] / 1e6 for row in curve]
    returns = np.array([row["AverageEpisodeRewards/eval"] for row in curve])
    bands = np.array([2 * row["StandardError/eval"] for row in curve])
    by_name = {result.name: result["return"] for result in results}
    agent = by_name.pop(agent_name)
    label = f"{agent_name} {agent.value:.1f}"
    figure = new_figure()
    (axes,) = figure.axes
    axes.plot(steps[-1], agent.value, "o", color="C0")
    draw_curves(
        axes,
        [Curve(label, steps, returns, returns - bands, returns + bands)],
        {name: mean.value for name, mean in by_name.items()},
    )
    axes.set_title(
        f"{agent_name}: {agent.value:.1f} ± {np.nan_to_num(agent.standard_error):.1f} over"
        f" {results[0].episodes:,} sessions"
    )
    axes.set_xlabel("simulated user steps in training (millions)")
    axes.set_ylabel("mean return of a session")
    return figure


def plot_returns(results: Sequence[PolicyResult]) -> Any:
    """A figure of the mean return of every policy, with bars of two standard errors."""
    estimates = []
    for result in results:
        # The results of a single world have no standard error.
        mean, error = np.nan_to_num(result["return"][:2])
        label = f"{result.name}\n{mean:.1f} ± {error:.1f}"
        estimates.append(Estimate(label, mean, mean - 2 * error, mean + 2 * error))
    figure = new_figure((9, 1.7 + 0.55 * len(results)))
    (axes,) = figure.axes
    draw_estimates(axes, estimates)
    axes.set_xlabel("mean return of a session, ± one standard error; bars: two")
    axes.set_title(f"{results[0].episodes:,} sessions a policy")
    return figure


def plot_values(results: Sequence[PolicyResult]) -> Any:
    """A figure of the mean return of every policy against the compared parameter, with bands of two
    standard errors. The worlds of all seeds are combined. The result is None unless a single
    parameter with at least two numbers is compared.
    """
    returns: dict[str, dict[Any, list[np.ndarray]]] = {}
    for result in results:
        values = {} if result.setting is None else result.setting.values
        if len(values) != 1 or np.ndim(*values.values()):
            return None
        ((name, value),) = values.items()
        by_value = returns.setdefault(result.policy, {})
        # Users who share a world are not independent.
        worlds = result.sessions["return"].reshape(-1, result.users_per_world)
        by_value.setdefault(value, []).append(worlds.mean(axis=1))
    points = sorted(by_value)
    if len(points) < 2:
        return None
    curves = []
    for policy, by_value in returns.items():
        means = [Mean.of(np.concatenate(by_value[value])) for value in points]
        middle, band = np.array([(mean.value, 2 * mean.standard_error) for mean in means]).T
        curves.append(Curve(policy, points, middle, middle - band, middle + band))
    figure = new_figure()
    (axes,) = figure.axes
    draw_curves(axes, curves)
    axes.set_xlabel(name)
    axes.set_ylabel("mean return of a session, ± two standard errors")
    seeds = len(by_value[points[0]])
    axes.set_title(f"{seeds * results[0].episodes:,} sessions a value")
    return figure
