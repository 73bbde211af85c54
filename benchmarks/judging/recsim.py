# SPDX-License-Identifier: Apache-2.0
"""Test files of RecSim and RecSim NG, with recsim_tf behind their names."""

import importlib
from collections.abc import Sequence
from pathlib import Path

from judging.test_files import run_tests
from judging.verdicts import Settings, Verdict, judge, together

# Tests of what recsim_tf has not: recurrent networks, and random variables of branches not taken.
_LEFT_OUT = ("test_rnn_model", "test_noop_model")


@judge("RecSim tests", "recsim")
def _by_recsim(settings: Settings) -> Verdict:
    return _asked("recsim", ["choice_model_test.py"], "recsim")


@judge("RecSim NG tests", "recsim-ng")
def _by_recsim_ng(settings: Settings) -> Verdict:
    importlib.import_module("gym")  # Its specs are made of it.
    folder = "entities/choice_models"
    files = [f"{folder}/affinities_test.py", f"{folder}/selectors_test.py"]
    return _asked("recsim_ng", [*files, "entities/state_models/dynamic_test.py"], "recsim_ng")


measure = together(_by_recsim, _by_recsim_ng)


def _asked(package: str, files: Sequence[str], figure: str) -> Verdict:
    """The verdict of test files of an installed package."""
    (folder,) = importlib.import_module(package).__path__
    results = run_tests([Path(folder) / file for file in files], f"judging.{package}_names")
    left_out = [name for name in results if name.endswith(_LEFT_OUT)]
    for name in left_out:
        del results[name]
    faults = [f"{name}: {fault}" for name, fault in results.items() if fault]
    said = f"{len(results) - len(faults)} of {len(results)} tests pass"
    if left_out:
        said += f"; left out: {' and '.join(_LEFT_OUT)}"
    return Verdict(said, {f"judges.{figure}": len(results) - len(faults)}, faults)
