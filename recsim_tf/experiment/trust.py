"""Which modules the configuration of a run's folder may import."""

from collections.abc import Sequence
from pathlib import Path

from gin import config_parser

from recsim_tf.experiment.bindings import statements
from recsim_tf.support.errors import UsageError, at


def check_imports(config_file: Path, trusted: Sequence[str]) -> None:
    """Requires that a gin file imports nothing but recsim_tf and modules that the caller names, and
    includes no other file. Only its lines are read: nothing in it runs.

    The functions and classes of recsim_tf that it names are not looked at, as docs/security.md
    says.

    Args:
      config_file: of a run's folder.
      trusted: names of modules, which stand for all below them too.

    Raises:
      UsageError: with the line that is refused, and the option that allows it.
    """
    for statement in statements(config_file):
        where = at(str(config_file), statement.location.line_num)
        if isinstance(statement, config_parser.IncludeStatement):
            raise UsageError(
                f"{where}: include {statement.filename!r} is refused: write its lines into the file"
            )
        if isinstance(statement, config_parser.ImportStatement) and not any(
            statement.module == name or statement.module.startswith(f"{name}.")
            for name in ("recsim_tf", *trusted)
        ):
            package = statement.module.partition(".")[0]
            raise UsageError(
                f"{where}: {statement.format()} is refused, because somebody else may have written"
                f" the file: pass --trust={package} if you trust {package}"
            )
