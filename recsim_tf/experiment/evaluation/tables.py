"""Tables of results, as text."""

from collections.abc import Sequence

from recsim_tf.experiment.evaluation.measures import PolicyResult

_COLUMNS = ("policy", "return", "session length", "click rate", "quality", "sessions")


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: the first row is its head, and the first column stands left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] *= -1  # A negative width stands left.
    lines = [
        "  ".join(f"%{width}s" % cell for width, cell in zip(widths, row, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * (sum(map(abs, widths)) + 2 * (len(widths) - 1)), *lines[1:]]


def results_table(results: Sequence[PolicyResult]) -> str:
    """A table of policies with standard errors, as text."""
    rows = [
        (
            result.name,
            f"{result.mean_return:.2f} ± {result.standard_error:5.2f}",
            f"{result.mean_length:.2f} ± {result.length_standard_error:5.2f}",
            f"{result.click_rate:.4f}",
            "" if result.mean_quality is None else f"{result.mean_quality:.3f}",
            f"{result.episodes:,}",
        )
        for result in results
    ]
    lines = text_table([_COLUMNS, *rows])
    unfinished = [f"{result.name} {result.unfinished:,}" for result in results if result.unfinished]
    if unfinished:
        lines.append(f"Sessions cut off at the evaluation's step limit: {', '.join(unfinished)}")
    return "\n".join([*lines, "± is one standard error of the mean."])
