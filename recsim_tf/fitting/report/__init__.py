"""The report of a fit: one HTML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsim_tf.fitting.checks.fit_checks import FitChecks, check_fit
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.report import sections
from recsim_tf.support.pages import Section, page


def write_report(
    path: str | Path,
    result: FitResult,
    log: SessionLog,
    *,
    held_out_log: SessionLog | None = None,
    truth: Mapping[str, Any] | None = None,
    title: str = "Fit of a user model",
    overwrite: bool = False,
    **checks: Any,
) -> dict[str, Any]:
    """Checks a fit and writes one HTML file about it, with its plots inside, without scripts and
    links to elsewhere.

    Args:
      path: of the file.
      title: of the page.
      overwrite: whether a file that is there already is replaced.
      result, log, held_out_log, truth, **checks: as of `check_fit`.

    Returns:
      `FitChecks.figures()`: the figures of the checks, as JSON takes them.

    Raises:
      FileExistsError: if the file is there and `overwrite` is False; before anything is computed.
      FileNotFoundError: if its folder is not there; before anything is computed.
      ImportError: if matplotlib is not installed.
      ValueError: see `check_fit`.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {path}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"path must be of a new file unless overwrite=True, got {path}")
    found = check_fit(result, log, held_out_log=held_out_log, truth=truth, **checks)
    text = render(result, log, held_out_log, found, title)
    with path.open("w" if overwrite else "x", encoding="utf-8") as file:
        file.write(text)
    return found.figures()


def render(
    result: FitResult,
    log: SessionLog,
    held_out_log: SessionLog | None,
    checks: FitChecks,
    title: str,
) -> str:
    """The HTML of a report, from checks that `check_fit` made of the same."""
    parts = {
        "Summary": [*sections.summary(result, log, held_out_log), *sections.findings(checks)],
        "Parameters": sections.parameters(
            result.estimates, result.confidence, result.not_identified
        ),
        "Learning curve": sections.learning_curve(result),
        "Predicted choices": sections.choices(checks),
        "Calibration": sections.calibration(checks),
        "Posterior-predictive checks": sections.predictive(checks.predictive),
    }
    if checks.recovery:
        parts["Recovery of known parameters"] = sections.recovery(checks.recovery)
    return page(title, [Section(*each) for each in parts.items()])
