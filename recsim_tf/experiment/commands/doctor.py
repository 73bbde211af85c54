"""`recsim-tf doctor`: what a log can tell, and what misleads in it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from recsim_tf import logs
from recsim_tf.logs.examination.findings import Findings
from recsim_tf.logs.tables.frames import TABLES
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import require_writable
from recsim_tf.support.outputs import write_folder


def run_doctor(
    log: str,
    columns: Sequence[str] = (),
    multiple_clicks: bool = False,
    output: str | None = None,
) -> Findings:
    """Examines a log, and prints the findings.

    Args:
      log: the path of a table for `logs.from_table`.
      columns: "ROLE=NAME" texts, the names of the table's columns by role; none where the table
        has the names that are recognised.
      multiple_clicks: whether several documents of a slate may be clicked.
      output: None, or a new folder for findings.json and report.html.

    Raises:
      UsageError: for a file of another kind, a text that is no "ROLE=NAME", and an output that
        exists.
      ValueError: for a faulty table, see `logs.from_table`.
    """
    if not log.endswith(TABLES):
        raise UsageError(
            f"LOG must be a table {', '.join(TABLES)}, got {log}; logs.examine takes other logs"
        )
    if output is not None and Path(output).exists():
        raise UsageError(f"--output {output} exists, name a new folder")
    table = logs.from_table(log, _roles(columns) or None, multiple_clicks=multiple_clicks)
    findings = logs.examine(table)
    print(findings)
    if output is not None:
        path = Path(output).absolute()
        require_writable(path.parent)
        files = {"findings.json": findings.figures(), "report.html": findings.render()}
        print(f"\nPage and findings in {write_folder(path, files)}")
    return findings


def _roles(columns: Sequence[str]) -> Mapping[str, str]:
    """Names of columns by role. Raises a UsageError for a text that is no "ROLE=NAME"."""
    roles = {}
    for text in columns:
        role, equals, name = text.partition("=")
        if not (role and equals and name):
            raise UsageError(f"--column must be ROLE=NAME, such as session=visit_id, got {text}")
        roles[role] = name
    return roles
