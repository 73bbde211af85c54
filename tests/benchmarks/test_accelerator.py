"""The export for accelerators. JAX is not among the packages of the tests, so that what runs the
programs is tested up to there; TensorFlow's own parser reads them.
"""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from tests.processes import run_python

_ROLLOUT = "func.func @main(%arg0: tensor<2xi32>) -> (tensor<f32>, tensor<i32>)"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder of a quick export, and what was printed."""
    folder = tmp_path_factory.mktemp("export") / "folder"
    process = run_python("benchmarks/accelerator.py", f"--output={folder}", "--quick")
    assert process.returncode == 0, process.stderr
    return folder, process.stdout


def _check(text):
    # Raises if TensorFlow's own parser or verifier refuses it.
    tf.mlir.experimental.run_pass_pipeline(text, "")
    assert "?" not in text  # Dynamic dimensions.
    assert set(re.findall(r"\b([a-z]\w+)\.[a-z]\w+", text.partition("module")[2])) == {
        "func",
        "stablehlo",
    }
    assert not re.search(r'dense<"0x\w+"> : tensor<[0-9x]+xi1>', text)
    assert set(re.findall(r"algorithm = +(\w+)", text)) <= {"PHILOX"}


@pytest.mark.slow
def test_every_environment_is_exported(exported):
    folder, printed = exported
    told = json.loads((folder / "programs.json").read_text())["rollouts"]
    assert [each["environment"] for each in told] == recsim_tf.registered()
    for each in told:
        text = (folder / each["program"]).read_text()
        _check(text)
        assert _ROLLOUT in text
        assert "PHILOX" in text
        assert set(each["expected"]) == {"reward", "sessions"}
    assert f"python {folder}/run.py" in printed


@pytest.mark.slow
def test_agents_in_training_are_exported_with_their_variables(exported):
    folder, _ = exported
    index = json.loads((folder / "programs.json").read_text())
    assert [each["name"] for each in index["learners"]] == ["SlateQ", "REINFORCE"]
    for told in index["learners"]:
        arrays = np.load(folder / told["arrays"])
        assert np.isfinite(told["expected"]["loss"])
        for role in ("collect", "train", "learn"):
            program = told["programs"][role]
            text = (folder / program["program"]).read_text()
            _check(text)
            inputs = re.search(r"@main\((.*?)\) ->", text).group(1)
            shapes = re.findall(r"tensor<([^>]*)>", inputs)
            assert len(shapes) == 1 + len(program["variables"])
            types = {"float32": "f32", "int32": "i32", "int64": "i64", "bool": "i1"}
            for shape, number in zip(shapes[1:], program["variables"], strict=True):
                sizes, dtype = told["variables"][number]
                assert shape == "x".join([*map(str, sizes), types.get(dtype, shape.split("x")[-1])])
                if str(number) in arrays:
                    assert list(arrays[str(number)].shape) == sizes
            assert {variable for variable, _ in program["updates"]} <= set(program["variables"])


def test_a_folder_of_other_files_is_not_written_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    process = run_python("benchmarks/accelerator.py", "--quick", f"--output={tmp_path}")
    assert process.returncode != 0
    assert "--output must be a new or empty folder, or one of an export, got" in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_jax_nothing_is_run(tmp_path):
    (tmp_path / "jax.py").write_text("raise ImportError('no jax here')")
    process = run_python("benchmarks/accelerators/run.py", PYTHONPATH=str(tmp_path))
    assert process.returncode == 3
    assert process.stderr == (
        "JAX 0.7 or later is needed, and this interpreter lacks it: no jax here\n"
    )
