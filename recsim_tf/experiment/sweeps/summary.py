"""The summary of a sweep: the table, on the screen and as Markdown."""

from collections.abc import Sequence

from recsim_tf.experiment.sweeps.plan import GIN_FILE
from recsim_tf.experiment.sweeps.results import SweepResult, VariantResult
from recsim_tf.experiment.sweeps.statistics import METHODS
from recsim_tf.experiment.sweeps.trial import FAILED, FINISHED, PENDING, STOPPED
from recsim_tf.tables import markdown_table, text_table

_COLUMNS = (
    "variant",
    "seeds",
    "return",
    "95% interval",
    "statistic",
    "session length",
    "click rate",
    "quality",
)


def variants_table(result: SweepResult) -> str:
    """The variants, the best first, as text."""
    return "\n".join([text_table(_rows(result)), *notes(result)])


def notes(result: SweepResult) -> list[str]:
    """Notes to the table, a line each."""
    methods = {
        variant.estimate.method for variant in result.variants if variant.estimate is not None
    }
    lines = [f"{method}: {words}." for method, words in METHODS.items() if method in methods]
    if result.baselines:
        lines.append(
            "Other policies:"
            f" {', '.join(f'{name} {value:.2f}' for name, value in result.baselines.items())}."
        )
    idle = without_effect(result)
    if idle:
        lines.append(f"Had no effect, since no finished trial used it: {', '.join(idle)}.")
    return lines


def counts(result: SweepResult) -> str:
    """How many trials there are of each status."""
    statuses = [trial.status for trial in result.trials]
    words = {
        FINISHED: "finished",
        STOPPED: "stopped early by the scheduler",
        FAILED: "failed",
        PENDING: "pending",
    }
    parts = [
        f"{statuses.count(status)} {word}" for status, word in words.items() if status in statuses
    ]
    return f"{len(statuses)} trials: {', '.join(parts)}"


def without_effect(result: SweepResult) -> list[str]:
    """Swept bindings that no finished trial used, by the trials' operative configurations."""
    idle = []
    for name in result.swept:
        texts = [
            trial.operative
            for trial in result.trials
            if trial.status == FINISHED and name in trial.trial.variant.bindings
        ]
        if name != GIN_FILE and texts and not any(_mentions(text, name) for text in texts):
            idle.append(name)
    return idle


def markdown(result: SweepResult, plots: Sequence[str], command: str) -> str:
    """summary.md.

    Args:
      result: of the sweep.
      plots: names of files beside it.
      command: that runs the sweep.
    """
    lines = [
        "# Sweep",
        "",
        f"{counts(result)}.",
        "",
        markdown_table(_rows(result)),
    ]
    lines += ["", *(f"- {note}" for note in notes(result)), ""]
    lines += [f"![{name.removesuffix('.png')}]({name})\n" for name in plots]
    for status, title in (
        (FAILED, "Failed"),
        (STOPPED, "Stopped early by the scheduler"),
        (PENDING, "Pending"),
    ):
        trials = [trial for trial in result.trials if trial.status == status]
        if trials:
            lines += [
                f"## {title}",
                "",
                *(
                    f"- `{trial.trial.name}`{': ' * bool(trial.error)}{trial.error}"
                    for trial in trials
                ),
                "",
            ]
    lines += ["## Again", "", f"    {command}", ""]
    lines += [
        (
            "It runs what has failed or is pending, and nothing that is there. `sweep.csv` has a"
            " row for each trial."
        ),
        "",
    ]
    return "\n".join(lines)


def _rows(result: SweepResult) -> list[tuple[str, ...]]:
    return [
        (*_COLUMNS, *result.measures),
        *(_cells(variant, result.measures) for variant in result.variants),
    ]


def _cells(variant: VariantResult, measures: Sequence[str]) -> tuple[str, ...]:
    seeds = f"{len(variant.finished)}/{variant.num_trials}"
    found = variant.estimate
    if found is None:
        return (variant.variant.label, seeds, *("" for _ in (*_COLUMNS[2:], *measures)))
    length, rate, quality = (
        variant.mean(measure) for measure in ("session_length", "click_rate", "quality")
    )
    return (
        variant.variant.label,
        seeds,
        f"{found.value:.2f}",
        f"[{found.low:.2f}, {found.high:.2f}]",
        found.method,
        f"{length:.2f}",
        f"{rate:.4f}",
        "" if quality is None else f"{quality:.3f}",
        *("" if mean is None else f"{mean:.2f}" for mean in map(variant.mean, measures)),
    )


def _mentions(text: str, name: str) -> bool:
    """Whether an operative configuration has a binding; either name may contain the module."""
    scope, _, rest = name.rpartition("/")
    for line in text.splitlines():
        used, equals, _ = line.partition(" =")
        used_scope, _, used_rest = used.rpartition("/")
        if (
            equals
            and used_scope == scope
            and (f".{used_rest}".endswith(f".{rest}") or f".{rest}".endswith(f".{used_rest}"))
        ):
            return True
    return False
