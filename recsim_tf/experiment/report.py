"""What a run shows a person: the table and the plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsim_tf.experiment.metrics import PolicyResult


def results_table(results: Sequence[PolicyResult]) -> str:
    """A table of policies with standard errors, as text."""
    width = max(len("policy"), *(len(result.name) for result in results))
    lines = [f"{'policy':<{width}}  {'return':>16}  {'session length':>16}  {'click rate':>10}  {'quality':>8}  {'sessions':>8}"]
    lines.append("-" * len(lines[0]))
    for r in results:
        quality = "" if r.mean_quality is None else f"{r.mean_quality:.3f}"
        lines.append(
            f"{r.name:<{width}}  {r.mean_return:8.2f} ± {r.standard_error:5.2f}  {r.mean_length:8.2f} ± {r.length_standard_error:5.2f}"
            f"  {r.click_rate:10.4f}  {quality:>8}  {r.episodes:>8,}"
        )
    unfinished = [f"{r.name} {r.unfinished:,}" for r in results if r.unfinished]
    if unfinished:
        lines.append(f"Sessions cut off at the evaluation's step limit: {', '.join(unfinished)}")
    lines.append("± is one standard error of the mean.")
    return "\n".join(lines)


def plot_learning_curve(path: Path, rows: Sequence[dict[str, Any]], results: Sequence[PolicyResult], agent_name: str) -> None:
    """Draws the mean return of the agent against simulated steps, with a line for every other policy.

    Args:
      path: of the PNG.
      rows: lines of metrics.jsonl.
      results: of the final evaluation.
      agent_name: the name of the agent in `results`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    curve = [row for row in rows if "AverageEpisodeRewards/eval" in row]
    steps = [row["env_steps"] / 1e6 for row in curve]
    returns = [row["AverageEpisodeRewards/eval"] for row in curve]
    bands = [2 * row["StandardError/eval"] for row in curve]
    figure, axes = plt.subplots(figsize=(8, 4.8), layout="constrained")
    (line,) = axes.plot(steps, returns, linewidth=2, label=agent_name)
    low = [value - band for value, band in zip(returns, bands, strict=True)]
    high = [value + band for value, band in zip(returns, bands, strict=True)]
    axes.fill_between(steps, low, high, alpha=0.25, color=line.get_color(), linewidth=0)
    for index, result in enumerate(result for result in results if result.name != agent_name):
        axes.axhline(result.mean_return, color=f"C{index + 1}", linestyle="--", linewidth=1.2)
        axes.annotate(
            f"{result.name} {result.mean_return:.1f}",
            (1.0, result.mean_return),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            color=f"C{index + 1}",
            fontsize=9,
        )
    for result in results:
        if result.name == agent_name and steps:
            axes.plot(steps[-1], result.mean_return, "o", color=line.get_color())
            axes.set_title(f"{agent_name}: {result.mean_return:.1f} ± {result.standard_error:.1f} over {result.episodes:,} sessions")
    axes.set_xlabel("simulated user steps in training (millions)")
    axes.set_ylabel("mean return of a session")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)
