"""Saved models that somebody else made."""

import hashlib
import io
import json
import sys
import tracemalloc
import zipfile

import gin
import numpy as np
import pytest

from recsim_tf.fitting import ParameterEstimate, load_model
from recsim_tf.fitting.saving import files

GAIN = "users.gain"
CONFIG = """
drifting_taste.slate_size = 2
drifting_taste.num_candidates = 4
saved_model.simulator = @drifting_taste()
"""


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The current folder, with a module that leaves a file when it runs."""
    (tmp_path / "planted.py").write_text(
        "import pathlib, gin\n"
        "pathlib.Path('ran').touch()\n"
        "@gin.configurable\n"
        "def planted_simulator():\n"
        "    from recsim_tf.environments.drifting_taste import drifting_taste\n"
        "    return drifting_taste(slate_size=2, num_candidates=4)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("planted", None)


def write_model(folder, config=CONFIG, parameters=None, archive=None, **metadata):
    """A model as a stranger may write it, with digests that are right."""
    folder.mkdir()
    estimate = ParameterEstimate(*(np.float32(value) for value in (0.3, np.nan, np.nan, np.nan)))
    files_of = {f"{GAIN}.{field}": v for field, v in estimate._asdict().items()}
    if archive is None:
        stream = io.BytesIO()
        np.savez(stream, **files_of)
        archive = stream.getvalue()
    (folder / "config.gin").write_text(config)
    (folder / "parameters.npz").write_bytes(archive)
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("config.gin", "parameters.npz")
    }
    listed = parameters or {GAIN: {"shape": [], "dtype": "float32"}}
    content = {"format": 1, "parameters": listed, "sha256": digests, **metadata}
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def archive_of(value, compression=zipfile.ZIP_STORED, header=None):
    """An archive with one value for all fields; `header` claims another one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as written:
        for field in ParameterEstimate._fields:
            array = io.BytesIO()
            if header is None:
                np.lib.format.write_array(array, value)
            else:
                np.lib.format.write_array_header_1_0(array, header)
                array.write(value.tobytes())
            written.writestr(f"{GAIN}.{field}.npy", array.getvalue())
    return stream.getvalue()


def refused(folder, *parts, **arguments):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as error:
        load_model(folder, **arguments)
    for part in parts:
        assert part in str(error.value)


def test_a_model_of_recsim_tf_needs_no_trust(beside):
    loaded = load_model(write_model(beside / "model"))
    assert loaded.simulator.parameters()[GAIN] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import planted", 'pass imports=("planted",)'),
        ("import planted as other", "import planted as other is refused"),
        ("from planted import anything", "from planted import anything is refused"),
        ("import unittest.__main__", 'pass imports=("unittest",)'),
        ("import recsim_tf.__main__", "import recsim_tf.__main__ is refused"),
        ("from __gin__ import dynamic_registration", "dynamic_registration is refused"),
        ("include 'other.gin'", "include 'other.gin' is refused"),
        ("drifting_taste.reward_fn = @save_model()", "@save_model is refused"),
        ("drifting_taste.reward_fn = @load_simulator()", "@load_simulator is refused"),
        ("load_simulator.folder = '/tmp'", "load_simulator is refused"),
        ("drifting_taste.reward_fn = {'a': (1, [@x/save_model])}", "@save_model is refused"),
        ("taste = @save_model\ndrifting_taste.reward_fn = %taste", "@save_model is refused"),
        ("drifting_taste.reward_fn = {'class_name': 'X'}", "'class_name' is refused"),
        ("drifting_taste.reward_fn = @of_the_caller()", 'pass imports=("tests",)'),
        ("drifting_taste.reward_fn = %of.THE_CALLER", "%of.THE_CALLER is refused"),
        ("Catalogue.num_items = 20000000", "num_items x num_factors of Catalogue must be at most"),
        ("n = 20000000\nCatalogue.num_items = %n", "num_items x num_factors of Catalogue"),
        (
            "\n".join(f"m{n + 1} = (%m{n}, %m{n})" for n in range(30)),
            "must stand for at most 1,000,000 values",
        ),
        ("drifting_taste.reward_fn = " + "[" * 5000, "cannot be read"),
        ("a = 1" + " " * 2**20, "must have at most 1,048,576 bytes"),
    ],
)
def test_what_is_not_of_models_is_refused_before_anything_runs(beside, line, told):
    refused(write_model(beside / "model", f"{line}\n{CONFIG}"), "model/config.gin", told)
    assert not (beside / "ran").exists()
    assert "planted" not in sys.modules


gin.constant("of.THE_CALLER", object())


@gin.configurable
def of_the_caller():
    raise AssertionError("it runs")


def test_the_line_of_the_file_is_named(beside):
    refused(write_model(beside / "model", f"{CONFIG}\n\nimport planted"), "config.gin, line 7: ")


def test_a_trusted_module_is_imported_and_named(beside):
    config = "import planted\nsaved_model.simulator = @planted_simulator()"
    folder = write_model(beside / "model", config)
    with gin.config.interactive_mode():
        loaded = load_model(folder, imports=("planted",))
    assert loaded.simulator.slate_size == 2
    assert (beside / "ran").exists()
    # Its names stay in gin, and stay the stranger's.
    refused(write_model(beside / "other", config.splitlines()[1]), 'imports=("planted",)')


@pytest.mark.parametrize("ending", ["SystemExit(0)", "BaseException('gone')", "ValueError('no')"])
def test_what_a_trusted_module_raises_is_one_line(beside, ending):
    (beside / "planted.py").write_text(f"raise {ending}")
    folder = write_model(beside / "model", f"import planted\n{CONFIG}")
    refused(folder, "config.gin cannot be read: ", imports=["planted"])


@pytest.mark.parametrize("imports", ["planted", ("../planted",), (3,)])
def test_what_names_no_modules_is_refused(beside, imports):
    refused(write_model(beside / "model"), "imports must be names of modules", imports=imports)


@pytest.mark.parametrize("name", ["users.response", "documents.describe", "users._name", "users"])
def test_only_parameters_of_the_models_are_set(beside, name):
    listed = {name: {"shape": [], "dtype": "float32"}}
    refused(write_model(beside / "model", parameters=listed), f"an estimate of {name}: ")


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (archive_of(np.zeros(10**6, np.float32), zipfile.ZIP_DEFLATED), "must not be compressed"),
        (archive_of(np.zeros(200, np.float32)), "has shape [200], not []"),
        (archive_of(np.float64(0)), "has dtype float64, not float32"),
        (archive_of(np.float32(np.inf)), "users.gain must be finite"),
        (
            archive_of(
                np.float32(0), header={"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
            ),
            "has shape [1000000000000], not []",
        ),
        (
            archive_of(np.zeros(9), header={"descr": "<f4", "fortran_order": False, "shape": ()}),
            "must have 132 bytes, got 200",
        ),
        (archive_of(np.float32(0))[:-40], "does not hold the parameters"),
        (archive_of(np.zeros(10**6)), "parameters.npz must have at most"),
        (b"\x93NUMPY\x01\x00 no archive", "does not hold the parameters"),
    ],
)
def test_arrays_are_read_when_they_are_as_listed(beside, archive, told):
    folder = write_model(beside / "model", archive=archive)
    load_model(write_model(beside / "whole"))
    tracemalloc.start()
    refused(folder, "parameters.npz", told)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10e6


def test_shapes_are_those_of_the_models(beside):
    listed = {"users.gain": {"shape": [10**6] * 2, "dtype": "float32"}}
    refused(write_model(beside / "model", parameters=listed), "an estimate of users.gain of shape")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "model.json is damaged: "),
        ("{" + " " * 2**20 + "}", "model.json must have at most 1,048,576 bytes"),
        ('{"format": true}', "it has no format"),
        ('{"format": 1, "parameters": {"users.gain": 3}}', "it must list parameters"),
    ],
)
def test_metadata_is_bounded(beside, text, told):
    folder = write_model(beside / "model")
    (folder / "model.json").write_text(text)
    refused(folder, told)


def test_metadata_that_describe_no_array_are_named(beside):
    for description in (3, {}, {"shape": [-1], "dtype": "float32"}, {"shape": [], "dtype": "O"}):
        folder = write_model(beside / f"model{len(list(beside.iterdir()))}")
        metadata = json.loads((folder / "model.json").read_text())
        metadata["parameters"][GAIN] = description
        (folder / "model.json").write_text(json.dumps(metadata))
        refused(folder, "model.json is damaged: users.gain must have a shape")


def test_files_of_a_model_are_read_once_they_are_small(beside):
    folder = write_model(beside / "model")
    metadata, config = files.read(folder)
    assert config == CONFIG
    assert set(files.read_estimates(folder, metadata)) == {GAIN}
