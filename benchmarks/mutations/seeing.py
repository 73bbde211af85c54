"""Which tests run a line of the product, and how long they take."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import coverage
import processes

# The context of what no test and no fixture runs.
_IMPORT = ""
# Its tests see defaults, ranks and ranges, which an import reads.
_OF_IMPORTS = "tests/test_defaults.py"


class Sight:
    """What a run of the tests has recorded.

    Args:
      root: of the tree in which they ran.
      folder: of the record.
    """

    def __init__(self, root: Path, folder: Path):
        self._root = root
        self._data = coverage.CoverageData(str(folder / "coverage"))
        self._data.read()
        # By their path in the tree; the tests may have run in another copy of it.
        self._files = {
            f"recsim_tf/{file.rpartition('/recsim_tf/')[2]}": file
            for file in self._data.measured_files()
        }
        # By test, of those that pass.
        self.seconds: dict[str, float] = json.loads((folder / "seconds").read_text())

    def tests_of(self, path: str, line: int) -> list[str]:
        """The tests that may see a fault in a line, those that most likely do first.

        They are the tests that run the line. Where a fixture runs it, or an import does, all tests
        of the fixture's file, or all that run any line of the module and those of defaults, come
        after them. Of equals
        those of nearer files are first, and then quicker ones.

        Args:
          path: of the file, relative to the root.
          line: number in the file.
        """
        contexts = self._data.contexts_by_lineno(self._files.get(path, ""))
        lines = _statement(ast.parse((self._root / path).read_text()), line)
        found = {name for each in lines for name in contexts.get(each, ())}
        direct = set(found)
        if _IMPORT in found:
            found = {name for names in contexts.values() for name in names} | {_OF_IMPORTS}
        # A name is that of a test or of a file.
        chosen = [test for test in self.seconds if test in found or _file(test) in found]
        return sorted(
            chosen,
            key=lambda test: (
                test not in direct,
                -nearness(path, _file(test)),
                self.seconds[test],
            ),
        )

    def by_file(self, path: str, tests: Sequence[str]) -> list[str]:
        """Tests of a module in an order that keeps those of a file together, since they may share
        fixtures: nearer files first, and of equals the quicker ones.
        """
        in_files: dict[str, float] = {}
        for test in tests:
            in_files[_file(test)] = in_files.get(_file(test), 0.0) + self.seconds[test]
        return sorted(
            tests,
            key=lambda test: (-nearness(path, _file(test)), in_files[_file(test)], _file(test)),
        )


def nearness(path: str, test_file: str) -> int:
    """How near a file of tests is to a module: 0 in another room, 1 in the same, more in the same
    folder below and for the same name.
    """
    parts, places = (Path(each).with_suffix("").parts[1:] for each in (path, test_file))
    same = 0
    for part, place in zip(parts[:-1], places[:-1], strict=False):
        if part != place:
            break
        same += 1
    return same + (same > 0 and places[-1] == f"test_{parts[-1]}")


def record(root: Path, folder: Path, tests: Sequence[str], jobs: int) -> None:
    """Runs tests of a tree, and records which lines each of them runs.

    Args:
      root: of the tree.
      folder: gets the record.
      tests: folders and options of pytest.
      jobs: processes at a time.
    """
    command = [sys.executable, "-m", "pytest", "--quiet", "-m", "not slow", *tests]
    command += [f"--numprocesses={jobs}", "--dist=loadfile", "--no-loadscope-reorder"]
    command += ["-p", "no:cacheprovider", "-p", "mutations.recorder"]
    path = os.pathsep.join([str(root), str(Path(__file__).parents[1])])
    variables = {"RECSIM_TF_RECORD": str(folder), "PYTHONPATH": path, "COVERAGE_CORE": "ctrace"}
    process = subprocess.run(
        command, cwd=root, env=processes.environment(variables), capture_output=True, text=True
    )
    # Tests that fail are asked nothing; without any result there is nothing to ask.
    if process.returncode > 1:
        raise RuntimeError(f"the tests did not run:\n{process.stdout}\n{process.stderr}")
    coverage.Coverage(data_file=str(folder / "coverage"), config_file=False).combine([str(folder)])
    seconds: dict[str, float] = {}
    for part in folder.glob("seconds.*"):
        seconds |= json.loads(part.read_text())
    (folder / "seconds").write_text(json.dumps(seconds))


def _file(test: str) -> str:
    return test.partition("::")[0]


def _statement(tree: ast.AST, line: int) -> range:
    """The lines of the innermost statement around a line, of compound ones those of the head."""
    found = range(line, line + 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno
            if line <= max(last or line, node.lineno):
                found = range(node.lineno, max(last or line, node.lineno) + 1)
    return found
