# SPDX-License-Identifier: Apache-2.0
"""The report of a fit: one HTML file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsim_tf.core.base.arguments import checked
from recsim_tf.core.nests import as_json
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.report import sections
from recsim_tf.fitting.report.recovery import recover, summarise
from recsim_tf.fitting.validation import page as validation
from recsim_tf.fitting.validation import validate
from recsim_tf.logs.log import Log
from recsim_tf.support.files import write_text
from recsim_tf.support.pages import Section, page


@checked
def write_report(
    path: str | os.PathLike,
    result: FitResult,
    log: Log,
    *,
    overwrite: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Validates a fit and writes one HTML file about it, with its plots inside, without scripts and
    links to elsewhere.

    Args:
      path: the path of the file.
      result, log: the fit, and the sessions that were fitted.
      overwrite: whether a file that is there already is replaced.
      **options: the options of `render`.

    Returns:
      The figures of `render`.

    Raises:
      FileExistsError: if the file is there and `overwrite` is False; before anything is computed.
      FileNotFoundError: if its folder is not there; before anything is computed.
      ImportError, ValueError: see `render`.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {path}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"path must be of a new file unless overwrite=True, got {path}")
    text, figures = render(result, log, **options)
    write_text(path, text)
    return figures


@checked
def render(
    result: FitResult,
    log: Log,
    *,
    held_out_log: Log | None = None,
    truth: Mapping[str, Any] | None = None,
    title: str = "Fit of a user model",
    **options: Any,
) -> tuple[str, dict[str, Any]]:
    """Validates a fit, and describes it on a page.

    Args:
      result, log: the fit, and the sessions that were fitted.
      held_out_log: sessions that were held out, see `validate`. `log.split(held_out, seed)` gives
        both logs as `fit` splits them.
      truth: the true values of parameters, where they are known, see `recover`.
      title: the title of the page.
      **options: the options of `validate`.

    Returns:
      The page, and `Validation.figures()` with the "recovery" of the truth, as JSON takes them.

    Raises:
      ImportError: without matplotlib or scikit-learn.
      ValueError: if `result` is not a FitResult; see `validate` and `recover` for others.
    """
    recovered = recover(truth or {}, result.estimates)
    answered = validate(result.simulator, log, held_out_log, **options)
    parts = {
        "Summary": sections.summary(result, log, held_out_log),
        "Parameters": sections.parameters(
            result.estimates, result.confidence, result.not_identified, result.at_edge
        ),
        "Learning curve": sections.learning_curve(result),
    }
    if recovered:
        parts["Recovery of known parameters"] = sections.recovery(recovered)
    answers, *questions = validation.sections(answered)
    sections_of_fit = [Section(*each) for each in parts.items()]
    figures = {**answered.figures(), "recovery": as_json(summarise(recovered))}
    return page(title, [answers, *sections_of_fit, *questions]), figures
