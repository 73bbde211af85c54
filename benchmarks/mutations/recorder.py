"""A plugin of pytest that records which lines each test runs, and how long it takes.

The variable RECSIM_TF_RECORD is the folder of the record. Contexts of the coverage are the names of
tests; what a fixture runs that several tests share has the name of their file.
"""

import json
import os
from pathlib import Path

import coverage
import pytest

_FOLDER = Path(os.environ["RECSIM_TF_RECORD"])
_coverage = coverage.Coverage(
    data_file=str(_FOLDER / "coverage"),
    data_suffix=True,
    include=[str(Path.cwd() / "recsim_tf" / "*")],
    config_file=False,
)
# Before conftest.py imports the product.
_coverage.start()
_seconds: dict[str, float] = {}
_not_passed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    _coverage.switch_context(item.nodeid)
    result = yield
    _coverage.switch_context("")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    if fixturedef.scope == "function":
        return (yield)
    # "tests/test_x.py::test_y (setup)"
    test, _, _ = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")
    _coverage.switch_context(test.partition("::")[0])
    result = yield
    _coverage.switch_context(test)
    return result


def pytest_runtest_logreport(report):
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if not report.passed:
        _not_passed.add(report.nodeid)


def pytest_sessionfinish():
    _coverage.stop()
    _coverage.save()
    passed = {test: each for test, each in _seconds.items() if test not in _not_passed}
    (_FOLDER / f"seconds.{os.getpid()}").write_text(json.dumps(passed))
