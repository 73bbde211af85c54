# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf doctor`: what a log can tell, and what misleads in it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recsim_tf import logs
from recsim_tf.logs.examination.findings import Findings
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.tables.frames import TABLES
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import require_writable
from recsim_tf.support.outputs import write_folder

CONFIG = ".gin"  # the ending of a configuration of `ope`


def run_doctor(read: Callable[[], Sessions], output: str | None = None) -> Findings:
    """Examines a log, and prints the findings.

    Args:
      read: a function that reads the log.
      output: None, or a new folder for findings.json and report.html.

    Raises:
      UsageError: for an output that exists.
      ValueError: for a faulty log.
    """
    if output is not None and Path(output).exists():
        raise UsageError(f"--output {output} exists, name a new folder")
    findings = logs.examine(read())
    print(findings)
    if output is not None:
        path = Path(output).absolute()
        require_writable(path.parent)
        files = {"findings.json": findings.figures(), "report.html": findings.render()}
        print(f"\nPage and findings in {write_folder(path, files)}")
    return findings


def read_table(path: str, columns: Sequence[str] = (), multiple_clicks: bool = False) -> Log:
    """The log of a table.

    Args:
      path: the path of a table for `logs.from_table`.
      columns: "ROLE=NAME" texts, the names of the table's columns by role; none where the table
        has the names that are recognised.
      multiple_clicks: whether several documents of a slate may be clicked.

    Raises:
      UsageError: for a file of another kind, and a text that is no "ROLE=NAME".
      ValueError: for a faulty table, see `logs.from_table`.
    """
    if not path.endswith(TABLES):
        raise UsageError(
            f"LOG must be a table {', '.join(TABLES)}, or a {CONFIG} file of recsim-tf ope for"
            f" other logs, got {path}"
        )
    return logs.from_table(path, _roles(columns) or None, multiple_clicks=multiple_clicks)


def _roles(columns: Sequence[str]) -> Mapping[str, str]:
    """Names of columns by role. Raises a UsageError for a text that is no "ROLE=NAME"."""
    roles = {}
    for text in columns:
        role, equals, name = text.partition("=")
        if not (role and equals and name):
            raise UsageError(f"--column must be ROLE=NAME, such as session=visit_id, got {text}")
        roles[role] = name
    return roles
