"""A process that has imported TensorFlow, and runs tests in forks of itself.

    python -m mutations.server

It takes commands as `campaign.fork_server` does. The arguments of a command are an option of
pytest, and the tests to run, one after the other. The output ends with a line "failed: TEST" for
each test that failed. The tree is in the current folder; nothing of it is imported before the fork.
"""

import importlib
import os
import sys
import types
from collections.abc import Sequence

import pytest
from campaign.fork_server import serve

# Plugins of pytest are not among them, because pytest must rewrite them.
_MODULES = (
    "gin",
    "pandas",
    "tensorflow",
    "tf_keras",
    "tf_agents.agents",
    "tf_agents.environments",
    "tf_agents.policies",
)


class Selection:
    """A plugin that runs tests in the order of their names, and no others.

    Args:
      tests: names.

    Attributes:
      failed: tests that failed, in this order.
    """

    def __init__(self, tests: Sequence[str]):
        self._places = {test: place for place, test in enumerate(tests)}
        self.failed: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport):
        """Remembers a test that fails."""
        if report.failed:
            self.failed[report.nodeid] = None

    # After that of conftest.py.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]):
        """Selects and sorts."""
        chosen = [item for item in items if item.nodeid in self._places]
        if len(chosen) < len(self._places):
            pytest.exit("a test is gone", 1)
        items[:] = sorted(chosen, key=lambda item: self._places[item.nodeid])


def _import_others() -> None:
    """Imports what takes most of the time until a test runs."""
    # TF-Agents imports it in a file that nothing uses.
    sys.modules["gym"] = types.ModuleType("gym")
    for name in _MODULES:
        importlib.import_module(name)
    del sys.modules["gym"]
    from tensorflow_probability import distributions, mcmc  # noqa: F401


def main() -> None:
    _import_others()
    command = serve()
    # All processes of the tests end with this one.
    os.setsid()
    output = os.open(command.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    option, *tests = command.arguments
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    options = [option, "--quiet", "--no-header", "-p", "no:cacheprovider"]
    selection = Selection(tests)
    code = pytest.main([*options, *files], plugins=[selection])
    print("", *(f"failed: {test}" for test in selection.failed), sep="\n", flush=True)
    os._exit(int(code))


if __name__ == "__main__":
    main()
