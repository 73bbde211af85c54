"""Tables of results, as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.support.tables import text_table

_COLUMNS = ("policy", "return", "session length", "click rate", "quality")


def results_table(results: Sequence[PolicyResult]) -> str:
    """Tables of policies, and of segments where there are any, with standard errors, as text."""
    measures = tuple(results[0].measures)
    rows = [
        (
            result.name,
            f"{result.mean_return:.2f} ± {result.standard_error:5.2f}",
            f"{result.mean_length:.2f} ± {result.length_standard_error:5.2f}",
            f"{result.click_rate:.4f}",
            "" if result.mean_quality is None else f"{result.mean_quality:.3f}",
            *_means(result.measures),
            f"{result.episodes:,}",
        )
        for result in results
    ]
    lines = [text_table([(*_COLUMNS, *measures, "sessions"), *rows])]
    if results[0].segments:
        lines += ["", _segments_table(results, measures), ""]
    unfinished = [f"{result.name} {result.unfinished:,}" for result in results if result.unfinished]
    if unfinished:
        lines.append(f"Sessions cut off at the evaluation's step limit: {', '.join(unfinished)}")
    return "\n".join([*lines, "± is one standard error of the mean."])


def _segments_table(results: Sequence[PolicyResult], measures: Sequence[str]) -> str:
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
    return text_table([("policy", "segment", "return", *measures, "sessions"), *rows])


def _means(estimates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{estimate['mean']:.2f} ± {estimate['standard_error']:5.2f}"
        for estimate in estimates.values()
    ]
