# SPDX-License-Identifier: Apache-2.0
"""The examination of a log."""

from typing import Any

from recsim_tf.core.base.arguments import checked
from recsim_tf.logs import showing
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.examination import collection, propensities, times
from recsim_tf.logs.examination.columns import Columns
from recsim_tf.logs.examination.findings import Findings
from recsim_tf.logs.log import Log, Sessions

CHECKS = (
    propensities.wrong_propensities,
    propensities.support,
    collection.copies,
    collection.missing_sessions,
    collection.clicks_on_all,
    collection.amounts,
    times.days,
    times.drift,
    times.changing_policy,
)


@checked
def examine(log: Any) -> Findings:
    """Looks for what misleads an estimate, before any policy is judged from a log.

        findings = logs.examine(log)
        print(findings)

    No estimator can mend sessions that were left out, copies, or wrong propensities. Each check
    gives a `Finding` with its number, the size of the fault that it would see, and the estimates
    that the fault harms. `benchmarks/verdicts.py doctor` measures what is found, and how often
    sound logs are accused.

    Args:
      log: a `Log`, a log in pieces such as a `LogStream`, or the result of a reader. It is read
        once; memory grows by some hundred bytes for each step.

    Raises:
      UsageError: if `log` is none of these, or has no sessions.
    """
    log = log_of("log", log, Sessions, "a Log or a LogStream")
    return findings_of(log, Columns.of(log))


def findings_of(log: Sessions, columns: Columns) -> Findings:
    """The findings on a log from its numbers."""
    findings = [check(columns) for check in CHECKS]
    differ = any(finding.name == "days" and finding.accuses for finding in findings)
    spans = times.spans(columns) if differ else None
    return Findings.of(findings, _contents(log, columns), () if spans is None else spans[0])


def _contents(log: Sessions, columns: Columns) -> dict[str, str]:
    """The contents of the log, in lines by name."""
    if isinstance(log, Log):
        lines = showing.rows(log)
    else:
        lines = {"sessions": f"{log.num_sessions:,}", "steps": f"{log.num_steps:,}"}
    if not isinstance(columns.time, tuple):
        length = columns.begins.max() - columns.begins.min()
        unit = "days" if columns.are_days else "of an unknown unit"
        lines = {**lines, "times": f"{length:,.1f} {unit} from the first to the last session"}
    return lines
