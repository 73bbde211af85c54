"""The tables of the SlateQ paper (Ie et al. 2019, arXiv 1905.12767, section 7), and how near to the
oracle an agent comes.

    python benchmarks/slateq_tables.py [--table=A|B|C] [--json=PATH] [--plot=PATH] [--root_dir=DIR]
    python benchmarks/slateq_tables.py --budget=full [--json=PATH] [--plot=PATH] [--root_dir=DIR]

Interest evolution, slates of 3 of 10 candidates of 20 topics. Each row is trained by `recsim-tf
train` on a packaged config with every seed, and evaluated on 5,000 sessions of other users for each
seed; standard errors are over the seeds.

--budget=paper is the paper's set-up: 300,000 user steps with an update of 32 transitions every 4 of
them, a value of zero for "no click", gamma 1, or 0 for the myopic agents. T, G and O are top-K,
greedy and exact slates, the first pair of letters in the target of the learning, the second in
serving.

- Table A: the agents know how users choose.
- Table B: full-slate Q. The paper's actions are the C(20, 3) = 1,140 sets of topics; FSQ has an
  output for each set, those with a repeated topic among them, which candidates can have: 1,540.
  RecSim's agent has the 720 ordered slates of the 10 candidates as actions, valued by one network
  on the user and the slate's documents: another algorithm, which generalises over slates; a row of
  its own.
- Table C: users follow a cascade, and the agents believe in the multinomial choice. The paper gives
  P = b0 b^j P(u, d) for position j, with P multinomial, b0 = 1 and b = 0.65, and not what becomes
  of the rest. `position_bias.PositionBiasedProportional` has four readings; the rows are trained
  with "kept", whose return of random slates is nearest to the paper's 159.9, and the others' are
  printed.

--budget=full goes beyond the paper with the same observation, the user's interests and the
candidates' topics: the config quickstart.gin, what each of its ingredients gives, REINFORCE, and
the oracle that knows the topics' qualities. The rows with a plus add one ingredient to the row
above, up to `slate_q`, which adds click statistics. The three rows below it change one thing in "a
hundred steps". "one step, slowly" is the row of averaged weights at a third of the learning rate,
so that it ends before it has fallen back.
"""

import functools
import hashlib
import itertools
import time
from pathlib import Path
from typing import Any, NamedTuple

import commands
import training_runs
from absl import app, flags

from recsim_tf.support import plots
from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS

# How far from the paper's a row may be and still be called near: other schedules, other users, few
# seeds.
_RETURN_TOLERANCE, _QUALITY_TOLERANCE = 0.025, 0.08

_FOLDER = "interest_evolution"
_THREE = "interest_evolution.slate_size = 3"


# What a smoke run changes in each config.
_QUICK = {
    "slate_q_paper": ("Iteration.batch_size=2", "train.warmup_iterations=4"),
    "full_slate_q_paper": ("Iteration.batch_size=2", "train.warmup_iterations=4"),
    "quickstart": (
        "SlateQTargets.num_steps=2",
        "Iteration.batch_size=2",
        "train.warmup_iterations=4",
    ),
    "reinforce": (
        "LambdaReturns.num_steps=2",
        "Iteration.collect_steps=2",
        "train.warmup_iterations=4",
    ),
}


class Row(NamedTuple):
    """A row, and the paper's figures for it."""

    training: training_runs.Row
    paper_return: float | None = None
    paper_quality: float | None = None


class Table(NamedTuple):
    """Rows that are compared."""

    title: str
    rows: dict[str, Row]
    order: tuple[str, ...]  # the paper's, lowest return first
    # whether the rows should be near to the paper's figures, not only in its order
    checks_distance: bool = False


def _slate_q(
    preset: str,
    paper_return: float,
    paper_quality: float | None = None,
    bindings: tuple[str, ...] = (),
) -> Row:
    bindings = (_THREE, f"create_slate_q.preset = '{preset}'", *bindings)
    return Row(
        training_runs.Row(f"{_FOLDER}/slate_q_paper.gin", bindings), paper_return, paper_quality
    )


def _random(
    paper_return: float | None, paper_quality: float | None = None, bindings: tuple[str, ...] = ()
) -> Row:
    return Row(
        training_runs.Row(f"{_FOLDER}/random.gin", (_THREE, *bindings)), paper_return, paper_quality
    )


def _cascade(no_click: str) -> tuple[str, ...]:
    return (
        "import position_bias",
        "interest_evolution.users = @InterestEvolutionUsers()",
        "InterestEvolutionUsers.choice_model = @PositionBiasedProportional()",
        f"PositionBiasedProportional.no_click = '{no_click}'",
    )


def _best(*bindings: str) -> Row:
    """The best agent's config with some of its ingredients changed."""
    return Row(training_runs.Row("quickstart.gin", (*bindings, "train.eval_interval = 100000")))


_RECSIM_FULL_SLATE_Q = (
    "create_full_slate_q.network = @FullSlateQNetwork",
    "FullSlateQNetwork.hidden_units = (64, 32)",
)
_KEPT = _cascade("kept")
PAPER_TABLES = {
    "A": Table(
        "Table A: the choice is known",
        {
            "Random": _random(159.2, -0.5929),
            "MYOP-TS": _slate_q("myopic_slate_topk_sarsa", 166.3, -0.5428),
            "MYOP-GS": _slate_q("myopic_slate_greedy_sarsa", 166.3, -0.5475),
            "SARSA-TS": _slate_q("slate_topk_sarsa", 168.4, -0.4908),
            "SARSA-GS": _slate_q("slate_greedy_sarsa", 172.1, -0.3876),
            "QL-TT-TS": _slate_q("slate_topk_topk_q", 168.4, -0.4931),
            "QL-GT-GS": _slate_q("slate_greedy_greedy_q", 172.9, -0.3772),
            "QL-OT-TS": _slate_q("slate_topk_optimal_q", 169.0, -0.4905),
            "QL-OT-GS": _slate_q("slate_greedy_optimal_q", 173.8, -0.3408),
            "QL-OT-OS": _slate_q("slate_optimal_optimal_q", 174.6, -0.3056),
        },
        ("Random", "MYOP-TS", "SARSA-TS", "SARSA-GS", "QL-OT-OS"),
        checks_distance=True,
    ),
    "B": Table(
        "Table B: full-slate Q",
        {
            "Random": _random(160.6, -0.6097),
            "FSQ": Row(training_runs.Row(f"{_FOLDER}/full_slate_q_paper.gin"), 164.2, -0.5072),
            "SARSA-TS": _slate_q("slate_topk_sarsa", 170.7, -0.5340),
            "FSQ, RecSim's": Row(
                training_runs.Row(f"{_FOLDER}/full_slate_q_paper.gin", _RECSIM_FULL_SLATE_Q)
            ),
        },
        ("Random", "FSQ", "SARSA-TS"),
    ),
    "C": Table(
        "Table C: users follow a cascade that the agents do not know of",
        {
            "Random": _random(159.9, bindings=_KEPT),
            "MYOP-TS": _slate_q("myopic_slate_topk_sarsa", 163.6, bindings=_KEPT),
            "SARSA-TS": _slate_q("slate_topk_sarsa", 166.8, bindings=_KEPT),
            "QL-TT-TS": _slate_q("slate_topk_topk_q", 166.5, bindings=_KEPT),
            "QL-OT-TS": _slate_q("slate_topk_optimal_q", 167.5, bindings=_KEPT),
            "QL-OT-OS": _slate_q("slate_optimal_optimal_q", 167.6, bindings=_KEPT),
            **{
                f"Random, {no_click}": _random(None, bindings=_cascade(no_click))
                for no_click in ("unscaled", "rest", "scan")
            },
        },
        ("Random", "MYOP-TS", "QL-TT-TS", "SARSA-TS", "QL-OT-TS", "QL-OT-OS"),
    ),
}

_NO_LAYERS = "experiment.layers = []"
# The best agent without what it sees and learns of sessions, and without averages of many steps.
_Q_VALUES = (
    _NO_LAYERS,
    "train.num_iterations = 3000",
    "CosineDecay.decay_steps = 3000",
    "create_slate_q.network = @SlateQNetwork",
    "SlateQNetwork.hidden_units = (64, 64)",
    "SlateQNetwork.items_see_user = False",
    "Learning.average_tau = 0.01",
    "SlateQTargets.clock = 'steps'",
    "train.warmup_iterations = 110",
)
_HUNDRED_STEPS = (
    *_Q_VALUES,
    "SlateQTargets.td_lambda = 0.99",
    "Iteration.batch_size = 150",
    "Iteration.replay_length = 120",
)
_ONE_STEP = (
    *_Q_VALUES,
    "SlateQTargets.num_steps = 1",
    "SlateQTargets.td_lambda = 0.0",
    "Iteration.batch_size = 2048",
    "Iteration.replay_length = 120",
)
_TD = (*_ONE_STEP, "SlateQTargets.target = 'q_learning'")
# Before one-step targets have fallen back.
_SLOWLY = (
    "CosineDecay.initial_learning_rate = 3e-4",
    "SlateQTargets.update_tau = 0.05",
    "Learning.average_tau = 0.002",
)
_SEES_USER = "SlateQNetwork.items_see_user = True"
_LAST_WEIGHTS = "Learning.average_tau = None"
FULL_TABLE = Table(
    "Beyond the tables: the same observation, more users, other targets",
    {
        "random": _random(None),
        "QL-OT-OS": _slate_q("slate_optimal_optimal_q", 174.6, -0.3056),
        # What each ingredient adds.
        "6 M user steps": _best(*_TD, _SEES_USER, "SlateQNetwork.no_click = 'zero'", _LAST_WEIGHTS),
        "+ no-click value": _best(*_TD, _SEES_USER, _LAST_WEIGHTS),
        "+ averaged weights": _best(*_TD, _SEES_USER),
        "+ users only in no-click": _best(*_TD),
        "+ differential target": _best(*_ONE_STEP),
        "+ a hundred steps": _best(*_HUNDRED_STEPS),
        "+ worth of sessions": _best(_NO_LAYERS),
        "slate_q": _best(),
        # What is lost without one, or gained.
        "items see the user": _best(*_HUNDRED_STEPS, _SEES_USER),
        "last weights": _best(*_HUNDRED_STEPS, _LAST_WEIGHTS),
        "twice as long": _best(
            *_HUNDRED_STEPS, "train.num_iterations = 6000", "CosineDecay.decay_steps = 6000"
        ),
        "one step, slowly": _best(*_TD, _SEES_USER, *_SLOWLY),
        "reinforce": Row(
            training_runs.Row(f"{_FOLDER}/reinforce.gin", ("train.eval_interval = 100000",))
        ),
        "oracle": Row(training_runs.Row(f"{_FOLDER}/oracle.gin", (_THREE,))),
    },
    ("random", "QL-OT-OS", "reinforce", "slate_q", "oracle"),
)


def figures(
    table: Table, results: dict[tuple[str, int], dict[str, Any]], seeds: int
) -> dict[str, dict[str, float]]:
    """Figures by row name, from the results of each row and seed."""
    by_row: dict[str, dict[str, float]] = {}
    for name, row in table.rows.items():
        runs = [results[name, seed] for seed in range(seeds)]
        mean, error = training_runs.mean_and_error([run["mean_return"] for run in runs])
        quality, quality_error = training_runs.mean_and_error([run["mean_quality"] for run in runs])
        by_row[name] = {
            "mean_return": mean,
            "standard_error": error,
            "average_quality": quality,
            "average_quality_standard_error": quality_error,
        }
        paper = {"paper_return": row.paper_return, "paper_average_quality": row.paper_quality}
        by_row[name] |= {what: value for what, value in paper.items() if value is not None}
    base = next(iter(table.rows))
    for name, row in table.rows.items():
        by_row[name]["percent_over_random"] = 100 * (
            by_row[name]["mean_return"] / by_row[base]["mean_return"] - 1
        )
        if row.paper_return is not None and table.rows[base].paper_return is not None:
            by_row[name]["paper_percent_over_random"] = 100 * (
                row.paper_return / table.rows[base].paper_return - 1
            )
    return by_row


def reversed_pairs(table: Table, by_row: dict[str, dict[str, float]]) -> list[str]:
    """Adjacent pairs of the table's order that come out the other way round by more than two
    standard errors, in words.
    """
    pairs = []
    for lower, higher in zip(table.order, table.order[1:], strict=False):
        distance = training_runs.standard_errors_between(by_row[higher], by_row[lower])
        if distance < -2:
            pairs.append(f"{lower} is above {higher} by {-distance:.1f} s.e.")
    return pairs


def far_rows(table: Table, by_row: dict[str, dict[str, float]]) -> list[str]:
    """Rows further from the paper's figures than the tolerances, in words."""
    rows = []
    for name, row in table.rows.items():
        if row.paper_return is not None:
            error = by_row[name]["mean_return"] / row.paper_return - 1
            if abs(error) > _RETURN_TOLERANCE:
                rows.append(f"{name}: return off by {100 * error:+.1f} %")
        if row.paper_quality is not None:
            error = by_row[name]["average_quality"] - row.paper_quality
            if abs(error) > _QUALITY_TOLERANCE:
                rows.append(f"{name}: average quality off by {error:+.3f}")
    return rows


# Figures of a row -> the title of their column, and how they are shown.
_COLUMNS = {
    "mean_return": ("return", ".1f"),
    "standard_error": ("s.e.", ".1f"),
    "paper_return": ("paper's", ".1f"),
    "percent_over_random": ("over Random, %", ".1f"),
    "paper_percent_over_random": ("paper's", ".1f"),
    "average_quality": ("average quality", ".3f"),
    "paper_average_quality": ("paper's", ".3f"),
}


def report(result: dict[str, Any], table: Table) -> str:
    """The result for a person."""
    by_row = result["figures"]
    rows = [["", *(title for title, _ in _COLUMNS.values())]]
    for name, figure in by_row.items():
        cells = (
            format(figure[what], form) if what in figure else ""
            for what, (_, form) in _COLUMNS.items()
        )
        rows.append([name, *cells])
    lines = [
        f"{table.title}. Mean return of a session",
        text_table(rows),
        (
            f"{result['seeds']} seeds of {result['sessions']:,} sessions each, in"
            f" {result['seconds'] / 60:.0f} minutes."
        ),
    ]
    for what, faults in (
        ("not in the order expected", result["reversed_pairs"]),
        ("far from the paper", result["far_rows"]),
    ):
        lines += [f"{what}: {fault}" for fault in faults]
    if not result["reversed_pairs"]:
        lines.append(
            f"No pair of {' < '.join(table.order)} is reversed by more than two standard errors."
        )
    if table.checks_distance and not result["far_rows"]:
        lines.append(
            f"Every row is within {_RETURN_TOLERANCE:.1%} of the paper's return and"
            f" {_QUALITY_TOLERANCE} of its average quality."
        )
    if result["quick"]:
        lines.append("A smoke run: these figures mean nothing.")
    return "\n".join(lines)


def plot(result: dict[str, Any], table: Table, path: str) -> None:
    """Draws the returns with bars of two standard errors, and the paper's."""
    by_row = result["figures"]
    with plots.figure(path, (8.0, 0.9 + 0.36 * len(by_row))) as axes:
        rows = range(len(by_row))
        means = [row["mean_return"] for row in by_row.values()]
        errors = [2 * row["standard_error"] for row in by_row.values()]
        axes.errorbar(means, rows, xerr=errors, fmt="o", color="C0", capsize=3, label="here")
        for position, (mean, error) in enumerate(zip(means, errors, strict=True)):
            axes.annotate(
                f"{mean:.1f}",
                (mean + error, position),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        papers = [
            (row["paper_return"], position)
            for position, row in enumerate(by_row.values())
            if "paper_return" in row
        ]
        if papers:
            axes.plot(
                *zip(*papers, strict=True), "D", color="C1", label="SlateQ paper", markersize=5
            )
        axes.set_yticks(rows, list(by_row))
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.set_xlabel(
            f"mean return of a session over {result['seeds']} seeds, bars of two standard errors"
        )
        axes.set_title(table.title, fontsize=10)
        axes.legend(loc="lower left", bbox_to_anchor=(1, 0), frameon=False, fontsize=9)


def benchmark(table: Table, settings: training_runs.Settings) -> dict[str, Any]:
    """Runs every row with every seed; returns what goes into the JSON file."""
    started, seeds = time.perf_counter(), settings.seeds

    def run(task):
        name, seed = task
        row = table.rows[name].training
        folder = _run_folder(settings.root, row, seed)
        return training_runs.run(
            folder, row, seed, settings.quick, _QUICK.get(Path(row.config).stem, ())
        )

    # The longest first, so that no core is idle at the end.
    tasks = [(name, seed) for name in reversed(table.rows) for seed in range(seeds)]
    results = training_runs.run_all(tasks, run, settings.processes)
    by_row = figures(table, results, seeds)
    result = {
        "benchmark": "slateq_tables",
        "quick": settings.quick,
        "seeds": seeds,
        "sessions": next(iter(results.values()))["episodes"],
    }
    result |= {"figures": by_row, "reversed_pairs": reversed_pairs(table, by_row)}
    result["far_rows"] = far_rows(table, by_row) if table.checks_distance else []
    return {
        **result,
        "returns": {
            name: [results[name, seed]["mean_return"] for seed in range(seeds)]
            for name in table.rows
        },
        "seconds": round(time.perf_counter() - started),
    }


def _run_folder(root: Path, row: training_runs.Row, seed: int) -> Path:
    """The folder of a run, which rows of several tables may share."""
    digest = hashlib.sha256("\n".join([row.config, *row.bindings]).encode()).hexdigest()[:12]
    return root / f"{Path(row.config).stem}_{digest}" / f"seed_{seed}"


def main() -> None:
    if _FLAGS.budget == "full" and _FLAGS["table"].present:
        raise app.UsageError(
            "--table goes with --budget=paper: the full budget has one table of its own"
        )
    table = FULL_TABLE if _FLAGS.budget == "full" else PAPER_TABLES[_FLAGS.table]
    if _FLAGS.quick:
        first = dict(itertools.islice(table.rows.items(), 2))
        table = table._replace(
            rows=first, order=tuple(name for name in table.order if name in first)
        )
    with training_runs.settings() as settings:
        result = benchmark(table, settings)
    which = "--budget=full" if _FLAGS.budget == "full" else f"--table={_FLAGS.table}"
    command = ["python benchmarks/slateq_tables.py", which, "--json=PATH"]
    command += ["--quick"] * _FLAGS.quick
    commands.finish(command, result, report(result, table), functools.partial(plot, result, table))


if __name__ == "__main__":
    flags.DEFINE_enum("table", "A", list(PAPER_TABLES), "Table of the paper.")
    flags.DEFINE_enum("budget", "paper", ["paper", "full"], "The paper's set-up, or beyond it.")
    training_runs.define_flags(seeds=3)
    commands.define_flags(
        "A smoke run of the first two rows; its figures mean nothing.", plot="PNG for a bar chart."
    )
    commands.run(main)
