# SPDX-License-Identifier: Apache-2.0
"""Saved models that somebody else made: one line each, nothing runs, nothing large is allocated."""

import contextlib
import functools
import hashlib
import io
import json
import resource
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

import recsim_tf
from recsim_tf.conversations import ConversationUsers
from recsim_tf.conversations.acts import alphabet
from recsim_tf.fitting import load_model, save_model
from recsim_tf.fitting.saving.encoding import Decoder, Encoder
from recsim_tf.language import Recurrent, Vocabulary, recurrent
from tests.fitting.saving.results import result_of

GAIN = "users.gain"
FACTORS = "simulator.documents.factors"
RUNS = "import pathlib\npathlib.Path('ran').touch()\nimport os\ndef reward(response): pass\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a model and a module that leaves a file when it runs."""
    (tmp_path / "planted.py").write_text(RUNS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    simulator = recsim_tf.drifting_taste(slate_size=2, num_candidates=4)
    save_model("model", result_of(simulator, {GAIN: np.float32(0.3)}))
    yield tmp_path / "model"
    sys.modules.pop("planted", None)


def change(folder, edit):
    """Changes model.json, and gives it the digest that a stranger would."""
    content = json.loads((folder / "model.json").read_text())
    edit(content)
    del content["sha256"]
    text = (folder / "arrays.npz").read_bytes() + json.dumps(content).encode()
    content["sha256"] = hashlib.sha256(text).hexdigest()
    (folder / "model.json").write_text(json.dumps(content))


def refused(folder, *parts, **arguments):
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^[^\n]*$") as error:
        load_model(folder, **arguments)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6
    for part in parts:
        assert part in str(error.value)


def field(name, value, of="simulator"):
    """Sets a field of the simulator, its users or its documents."""

    def edit(content):
        fields = content["simulator"]["fields"]
        (fields if of == "simulator" else fields[of]["fields"])[name] = value

    return edit


def reward(path):
    return field("reward_fn", {"function": path})


def sizes(content):
    """Where the integers of a JSON content are: the list or dictionary, and the place in it."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        if type(value) is int:
            yield content, key
        elif isinstance(value, dict | list):
            yield from sizes(value)


def talkers():
    """A conversation of users who speak by a small network."""
    channel = Recurrent(Vocabulary(["yes", "no"], 2), np.eye(alphabet(2, 1).num_symbols), 2)
    users = ConversationUsers(num_attributes=1, channel=channel)
    return recsim_tf.conversation(users, slate_size=2)


MODELS = {name: functools.partial(recsim_tf.make, name) for name in recsim_tf.registered()}
MODELS |= {"talkers": talkers}


@pytest.mark.parametrize("name", MODELS)
def test_no_size_of_a_model_takes_memory_that_its_arrays_do_not(name):
    encoder = Encoder()
    whole = json.dumps(encoder.encode("simulator", MODELS[name]()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    for number in range(len(list(sizes(json.loads(whole))))):
        content = json.loads(whole)
        holder, key = list(sizes(content))[number]
        holder[key] = 2**27
        with contextlib.suppress(ValueError):
            Decoder(encoder.arrays, ()).decode("simulator", content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6
    # In kilobytes: TensorFlow's own arrays.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_the_layers_of_a_network_are_made_once_the_weights_fit(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    save_model(folder, result_of(talkers(), {"users.choice_sharpness": np.float32(3.0)}))
    assert load_model(folder).simulator.users.channel.num_units == 2
    monkeypatch.setattr(recurrent, "_Network", lambda *sizes: pytest.fail(f"made of {sizes}"))

    def change_channel(**fields):
        def edit(content):
            channel = content["simulator"]["fields"]["users"]["fields"]["channel"]
            channel["fields"].update(fields)

        change(folder, edit)

    change_channel(num_units=20_000)
    refused(folder, "simulator.users.channel is refused: weights must be 2,4", "numbers, got shape")
    change_channel(weights=None)
    refused(folder, "simulator.users.channel.weights must be in the folder, got none")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"tuple": [value]}
    return value


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            reward("planted:reward"),
            'pass imports=("planted",), or to a command --trust=planted, if you trust planted',
        ),
        (reward("os:system"), 'pass imports=("os",)'),
        (reward("recsim_tf.fitting.saving.models:save_model"), '("recsim_tf.fitting.saving.models'),
        (reward("recsim_tf.coreless:f"), "is refused"),
        (reward("recsim_tf.core/../../planted:reward"), "must name a module"),
        (reward("recsim_tf.core.nowhere:f"), "which cannot be imported: No module named"),
        (reward("recsim_tf.core.simulator:gin"), "must be defined by recsim_tf.core.simulator"),
        (reward("recsim_tf.core.simulator:Simulator"), "simulator.reward_fn must be a function"),
        (
            field("users", {"class": "recsim_tf.core.simulator:click_reward", "fields": {}}),
            "simulator.users must be of a class of models",
        ),
        (
            field("users", {"class": "subprocess:Popen", "fields": {"args": "touch ran"}}),
            'imports=("subprocess",)',
        ),
        (field("gain", {"class_name": "X"}, "users"), "users.gain must be encoded as save_model"),
        (field("response", 3, "users"), "simulator.users is refused: "),
        (field("gain", {"array": "../other"}, "users"), "it is damaged: KeyError '../other'"),
        (field("num_factors", 10**9, "documents"), "documents is refused: factors must have shape"),
        (field("factors", None, "documents"), "simulator.documents.factors must be in the folder"),
        (field("gain", nested(500), "users"), "model.json: "),
        (lambda content: content.update(simulator=3), "simulator must be a Simulator, got int"),
        (lambda content: content.update(format=1), "model.json: it must have format 2, which"),
        (lambda content: content.update(estimates=["users.other"]), "it is damaged: KeyError"),
        (lambda content: content["arrays"].pop(FACTORS), "those that model.json lists"),
        (lambda content: content["arrays"][FACTORS].update(shape=[10**12]), "must be {'shape': [1"),
    ],
)
def test_a_model_of_other_things_than_models_is_refused(folder, edit, told):
    change(folder, edit)
    refused(folder, "model/", told)
    assert not (folder.parent / "ran").exists()
    assert "planted" not in sys.modules


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "model.json: "),
        ("{" + " " * 2**22 + "}", "model.json: it must have at most 4,194,304 bytes"),
        ('{"format": 2}', "arrays.npz: it is damaged: KeyError 'sha256'"),
        (b"\xff\xfe\xfd", "model.json: "),
    ],
)
def test_text_that_is_no_model_is_refused(folder, text, told):
    (folder / "model.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(folder, told)


def packed(name, array, compression=zipfile.ZIP_STORED, header=None, version=None):
    """Adds or replaces an array of an archive; `header` claims another one."""

    def edit(archive):
        with zipfile.ZipFile(io.BytesIO(archive)) as read:
            content = {each: read.read(each) for each in read.namelist()}
        stream = io.BytesIO()
        if header is None:
            np.lib.format.write_array(stream, array, version)
        else:
            np.lib.format.write_array_header_1_0(stream, header)
            stream.write(array.tobytes())
        content[f"{name}.npy"] = stream.getvalue()
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as written:
            for each, data in content.items():
                written.writestr(each, data)
        return stream.getvalue()

    return edit


class Pickled:
    def __reduce__(self):
        return exec, (RUNS,)


SMALL = np.zeros([1000, 16], np.float32)
CLAIM = {"descr": "<f4", "fortran_order": False}


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (packed(FACTORS, np.array([Pickled()])), "must be {'shape': [1000, 16], 'dtype': 'float"),
        (packed(FACTORS, SMALL, zipfile.ZIP_DEFLATED), "must not be compressed"),
        (packed(FACTORS, np.zeros([4, 16], np.float32)), "got {'shape': [4, 16]"),
        (packed(FACTORS, SMALL, header=CLAIM | {"shape": (10**12,)}), "'shape': [1000000000000]"),
        (packed(FACTORS, SMALL[1:], header=CLAIM | {"shape": (1000, 16)}), "must have 64,128 b"),
        (packed("../planted", SMALL), "its arrays must be those that model.json lists"),
        (lambda archive: archive[:-40], "arrays.npz: "),
        (packed(FACTORS, SMALL, version=(2, 0)), "must be an array of format 1.0"),
    ],
)
def test_arrays_are_read_when_they_are_as_listed(folder, edit, told):
    path = folder / "arrays.npz"
    path.write_bytes(edit(path.read_bytes()))
    change(folder, lambda content: None)
    refused(folder, "arrays.npz: ", told)
    assert not (folder.parent / "ran").exists()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("arrays.npz", b"NUMPY", b"NUMPX"), ("model.json", b'"slate_size": 2', b'"slate_size": 1')],
)
def test_missing_and_damaged_files_are_named(folder, name, old, new):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(old, new))
    refused(folder, "arrays.npz: the SHA-256 of it and of model.json is not the one in model.json")
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a saved model: it has no {name}"):
        load_model(folder)


def test_a_trusted_module_is_imported_and_named(folder):
    change(folder, reward("planted:os"))
    refused(folder, "must be defined by planted", imports=("planted",))
    change(folder, reward("planted:reward"))
    assert load_model(folder, imports=("planted",)).simulator.reward_fn.__name__ == "reward"
    assert (folder.parent / "ran").exists()


@pytest.mark.parametrize("ending", ["SystemExit(0)", "ValueError('no')"])
def test_what_a_trusted_module_raises_is_one_line(folder, ending):
    (folder.parent / "planted.py").write_text(f"raise {ending}")
    change(folder, reward("planted:reward"))
    refused(folder, "needs the module planted, which cannot be imported", imports=["planted"])


@pytest.mark.parametrize("imports", ["planted", ("../planted",), (3,)])
def test_what_names_no_modules_is_refused(folder, imports):
    refused(folder, "imports must be names of modules", imports=imports)
