"""The files and tables of results: single sessions as CSV, tables of text, and plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf.evaluation.measures import PolicyResult, over_seeds
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.files import write_csv
from recsim_tf.support.plots import Curve, Estimate, draw_curves, draw_estimates, figure
from recsim_tf.support.tables import text_table


def write_sessions(path: Path, results: Sequence[PolicyResult]) -> None:
    """Writes what every user did under every policy; RecSim's `returns_<steps>` file is its column
    `return`. Measures and segments of the user's own have the last columns.

    The columns: policy, with value and seed where these were compared; user, counted from 0, the
    same users under every policy and one seed; return; steps; clicks; mean_quality of the clicked
    documents, empty without a click or where responses have no quality; and outcome: "left" where
    the user left, "time_limit" where the simulator's time limit ended the session, "cut_off" where
    it was running when the evaluation ended.

    The file is replaced in one step; policies are in the order of `results`.
    """
    write_csv(path, pandas().concat(map(_sessions, results)))


def _sessions(result: PolicyResult) -> Any:
    """A DataFrame with a row for each session."""
    sessions = result.sessions
    clicks = np.where(sessions.clicks > 0, sessions.clicks, np.nan)
    outcomes = np.select(
        [sessions.left > 0, sessions.time_limit > 0], ["left", "time_limit"], "cut_off"
    )
    columns = {
        "policy": result.name,
        "user": np.arange(result.episodes),
        "return": sessions.reward,
        "steps": sessions.steps,
        "clicks": sessions.clicks,
        "mean_quality": sessions.quality / clicks if result.has_quality else np.nan,
        "outcome": outcomes,
    }
    # Measures of the corpus are of all sessions together.
    own = {name: values for name, values in sessions.own.items() if values.ndim == 1}
    return pandas().DataFrame(columns | own | sessions.segments)


def results_json(results: Sequence[PolicyResult]) -> dict[str, Any]:
    """The results for results.json: "policies", and "over_seeds" where there are several seeds."""
    content: dict[str, Any] = {"policies": [result.as_json() for result in results]}
    if means := over_seeds(results):
        content["over_seeds"] = [mean.as_json() for mean in means]
    return content


def results_table(results: Sequence[PolicyResult]) -> str:
    """Tables of policies, means over seeds, and segments, with standard errors, as text."""
    measures = tuple(results[0].measures)
    interval = ("with the fit's error",) if results[0].interval else ()
    head = ("policy", "return", *interval, "session length", "click rate", "quality", *measures)
    rows = [
        (
            result.name,
            f"{result.mean_return:.2f} ± {result.standard_error:5.2f}",
            *(["{:.2f} to {:.2f}".format(*result.interval)] if result.interval else ()),
            f"{result.mean_length:.2f} ± {result.length_standard_error:5.2f}",
            f"{result.click_rate:.4f}",
            "" if result.mean_quality is None else f"{result.mean_quality:.3f}",
            *_means(result.measures),
            f"{result.episodes:,}",
        )
        for result in (*results, *over_seeds(results))
    ]
    lines = [text_table([(*head, "sessions"), *rows])]
    if results[0].segments:
        head = ("policy", "segment", "return", *measures, "sessions")
        rows = [
            (
                result.name,
                f"{segments} {number}",
                *_means({"return": part["return"], **part["measures"]}),
                f"{part['episodes']:,}",
            )
            for result in results
            for segments, numbers in result.segments.items()
            for number, part in numbers.items()
        ]
        lines += ["", text_table([head, *rows]), ""]
    unfinished = [f"{result.name} {result.unfinished:,}" for result in results if result.unfinished]
    if unfinished:
        lines.append(f"Sessions cut off at the evaluation's step limit: {', '.join(unfinished)}")
    lines.append("± is one standard error of the mean.")
    if interval:
        lines.append(
            "Intervals, 95 %, hold the uncertainty of the fitted parameters too, and no error in"
            " the model's form."
        )
    lines += [f"{result.name}: {result.support}" for result in results if result.support]
    return "\n".join(lines)


def _means(estimates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{estimate['mean']:.4f}"
        if estimate["standard_error"] is None
        else f"{estimate['mean']:.2f} ± {estimate['standard_error']:5.2f}"
        for estimate in estimates.values()
    ]


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
