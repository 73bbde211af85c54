"""RecSim's agents against each other, over several seeds: what exploration earns, and what holding
a slate earns.

    python benchmarks/recsim_agents.py [--table=interest_exploration] --json=PATH [--plot=PATH]
        [--root_dir=DIR]

Runs `recsim-tf train`, or `simulate` where nothing is learned, on the packaged configs of each
table with five seeds, those of learning and of the users of the evaluation. Prints the mean return
over the seeds with its standard error. The order that the RecSim white paper reports (Ie et al.
2019, arXiv 1909.04847, section 5) is checked pair by pair: a policy is above another by two
standard errors of the difference, or it is not. Runs are kept in `--root_dir`: what is finished is
not run again.
"""

import functools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import commands
import training_runs
from absl import flags
from sections import mean_and_error

from recsim_tf.support import plots
from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS


class Table(NamedTuple):
    """Configs of one folder that are compared."""

    title: str
    rows: dict[str, str]  # config -> name in the table
    above: tuple[tuple[str, str], ...]  # pairs of configs, the first expected above the second


_FIGURES = ("mean_return", "standard_error")
_IE, _LTS = "interest_exploration", "long_term_satisfaction"
TABLES = {
    _IE: Table(
        "Interest exploration where exploring pays, 2 of 10, sessions of 500 steps",
        {
            "random": "Random",
            "tabular_q": "Tabular Q",
            "greedy": "Greedy pCTR",
            "full_slate_q": "Full-slate Q",
            "ucb1": "UCB1 over clusters",
            "full_slate_q_click_statistics": "Full-slate Q with click statistics",
        },
        (
            *((config, "random") for config in ("tabular_q", "greedy", "full_slate_q", "ucb1")),
            *(("ucb1", config) for config in ("tabular_q", "greedy", "full_slate_q")),
        ),
    ),
    _LTS: Table(
        "Long-term satisfaction with a trade-off, 1 of 10, sessions of 60 steps",
        {
            "random": "Random",
            "full_slate_q": "Full-slate Q",
            "full_slate_q_switching_cost": "Full-slate Q, switching cost",
            "full_slate_q_temporal_aggregation": "Full-slate Q, slates held for 10 steps",
        },
        (
            ("full_slate_q", "random"),
            ("full_slate_q_temporal_aggregation", "full_slate_q"),
            ("full_slate_q_switching_cost", "full_slate_q"),
        ),
    ),
}


def figures(returns: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """Means and standard errors over seeds by name, from the returns of each table's configs."""
    result = {}
    for table, rows in returns.items():
        for config, values in rows.items():
            for what, value in zip(_FIGURES, mean_and_error(values), strict=True):
                result[f"{table}/{config}/{what}"] = value
        for better, worse in TABLES[table].above:
            figures_of = (
                {what: result[f"{table}/{config}/{what}"] for what in _FIGURES}
                for config in (better, worse)
            )
            result[f"{table}/{better} - {worse}/standard_errors"] = (
                training_runs.standard_errors_between(*figures_of)
            )
    return result


def report(result: dict[str, Any]) -> str:
    """The result for a person."""
    lines = []
    for name, returns in result["returns"].items():
        table, found = TABLES[name], result["figures"]
        rows = [("policy", "return", "s.e.", "by seed")]
        for config in sorted(returns, key=lambda config: found[f"{name}/{config}/mean_return"]):
            mean, error = (found[f"{name}/{config}/{what}"] for what in _FIGURES)
            by_seed = "  ".join(f"{value:.1f}" for value in returns[config])
            rows.append((table.rows[config], f"{mean:.2f}", f"{error:.2f}", by_seed))
        lines += [table.title, text_table(rows)]
        for better, worse in table.above:
            distance = found[f"{name}/{better} - {worse}/standard_errors"]
            verdict = "as expected" if distance > 2 else "NOT as expected"
            lines.append(
                f"  {table.rows[better]} above {table.rows[worse]}: {distance:+.1f} s.e., {verdict}"
            )
        lines.append("")
    lines.append(f"Standard errors are over {result['seeds']} seeds.")
    if result["quick"]:
        lines.append("A smoke run: these figures mean nothing.")
    return "\n".join(lines)


def plot(result: dict[str, Any], path: str) -> None:
    """Draws the tables as bars with two standard errors."""
    found = result["figures"]
    num_tables = len(result["returns"])
    with plots.figures(path, (8.0, 3.2 * num_tables), num_tables, 1) as all_axes:
        for axes, (name, returns) in zip(all_axes, result["returns"].items(), strict=True):
            table = TABLES[name]
            configs = sorted(returns, key=lambda config: found[f"{name}/{config}/mean_return"])
            means = [found[f"{name}/{config}/mean_return"] for config in configs]
            errors = [2 * found[f"{name}/{config}/standard_error"] for config in configs]
            bars = axes.barh(
                [table.rows[config] for config in configs],
                means,
                xerr=errors,
                color="C0",
                alpha=0.75,
                capsize=3,
            )
            axes.bar_label(bars, [f"{mean:.1f}" for mean in means], padding=6)
            axes.set_title(table.title, fontsize=10)
            axes.set_xlabel(
                f"mean return of a session, {result['seeds']} seeds, bars of two standard errors"
            )
            axes.set_xlim(0, 1.15 * max(means))


def benchmark(tables: Sequence[str], settings: training_runs.Settings) -> dict[str, Any]:
    """Runs everything; returns the result that goes into the JSON file."""
    started, seeds = time.perf_counter(), range(settings.seeds)
    tasks = [
        (table, config, seed) for seed in seeds for table in tables for config in TABLES[table].rows
    ]

    def mean_return(task):
        table, config, seed = task
        row = training_runs.Row(f"{table}/{config}.gin")
        folder = settings.root / table / config / f"seed_{seed}"
        return training_runs.run(folder, row, seed, settings.quick)["mean_return"]

    found = training_runs.run_all(tasks, mean_return, settings.processes)
    returns = {
        table: {
            config: [found[table, config, seed] for seed in seeds] for config in TABLES[table].rows
        }
        for table in tables
    }
    return {
        "benchmark": "recsim_agents",
        "quick": settings.quick,
        "seeds": settings.seeds,
        "returns": returns,
        "figures": figures(returns),
        "seconds": round(time.perf_counter() - started),
    }


def main() -> None:
    tables = list(TABLES) if _FLAGS.table is None else [_FLAGS.table]
    with training_runs.settings() as settings:
        result = benchmark(tables, settings)
    which = [f"--table={_FLAGS.table}"] if _FLAGS.table else []
    command = ["python benchmarks/recsim_agents.py", *which, "--json=PATH"]
    command += ["--quick"] * _FLAGS.quick
    commands.finish(command, result, report(result), functools.partial(plot, result))


if __name__ == "__main__":
    flags.DEFINE_enum("table", None, list(TABLES), "One of the tables; by default all.")
    training_runs.define_flags(seeds=5)
    commands.define_flags(plot="PNG for a bar chart.")
    commands.run(main)
