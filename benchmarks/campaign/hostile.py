"""Models and run folders that want to run code, to read or write elsewhere, or to fill the memory.

Each leaves the file `ran` in the current folder if its code runs.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

MARKER = "ran"
_PAYLOAD = f"import pathlib\npathlib.Path({MARKER!r}).touch()\n"
_NAME, _FIELDS = "users.gain", ("value", "standard_error", "low", "high")
_MODEL = """
drifting_taste.slate_size = 2
drifting_taste.num_candidates = 4
saved_model.simulator = @drifting_taste()
"""
_RUN = """
experiment.simulator = @drifting_taste()
experiment.create_agent = @create_slate_q
"""
# Lines that stand in front of a configuration; those of both kinds of folders first.
_LINES = {
    "a module of the current folder": "import payload",
    "a module beside the configuration": "import hostile.payload",
    "from-import": "from payload import anything",
    "import under another name": "import payload as recsim_tf",
    "a module of Python that acts": "import antigravity",
    "a module that ends the process": "import unittest.__main__",
    "the command itself": "import recsim_tf.__main__",
    "dynamic registration": (
        "from __gin__ import dynamic_registration\nimport os\nmacro = @os.system()\n"
        f"os.system.command = 'touch {MARKER}'"
    ),
    "include of a file beside": "include 'hostile/other.gin'",
    "include of a file elsewhere": "include '../other.gin'",
    "a call as a value": f"drifting_taste.seed = __import__('os').system('touch {MARKER}')",
    "a function of the caller": "drifting_taste.reward_fn = @of_the_caller()",
    "a constant of the caller": "drifting_taste.reward_fn = %of_the.CALLER",
    "a function that writes": "drifting_taste.reward_fn = @save_model()",
    "a function that writes, by a macro in a dictionary": (
        "deep = {'a': [(@one/two/save_model(),)]}\ndrifting_taste.reward_fn = %deep"
    ),
    "a function that reads": (
        "drifting_taste.reward_fn = @read_episode_log()\nread_episode_log.path = '/etc/passwd'"
    ),
    "a fit": "drifting_taste.reward_fn = @run_fit()",
    "macros that multiply": "m0 = 1\n"
    + "\n".join(f"m{n + 1} = (%m{n}, %m{n})" for n in range(40))
    + "\ndrifting_taste.reward_fn = %m40",
    "brackets without an end": f"deep = {'[' * 90_000}",
    "a table of 10^12 numbers": (
        "drifting_taste.documents = @Catalogue()\nCatalogue.num_items = 1000000\n"
        "Catalogue.num_factors = 1000000"
    ),
    "a configuration of 64 MB": "#" + "x" * 2**26,
}
_OF_RUNS = {
    "a model that trusts for the caller": (
        "experiment.simulator = @load_simulator()\nload_simulator.imports = ('payload',)\n"
        "load_simulator.folder = 'hostile'"
    ),
    "an object of Keras": (
        "Adam.learning_rate = {'module': 'payload', 'class_name': 'A', 'config': {}}"
    ),
    "an object of Keras, by a macro": (
        "name = 'class_name'\nAdam.learning_rate = {'module': 'payload', %name: 'A', 'config': {}}"
    ),
    "a server": "experiment.num_users = @devices()\ndevices.strategy = 'multi_worker'",
}

# Writes a folder `hostile` into the current folder.
_Write = Callable[[], None]


def models() -> dict[str, _Write]:
    """Saved models by what they try."""
    cases: dict[str, _Write] = {
        name: lambda line=line: _write_model(f"{line}\n{_MODEL}") for name, line in _LINES.items()
    }
    cases["another model"] = lambda: _write_model(
        f"drifting_taste.reward_fn = @load_simulator()\n{_MODEL}"
    )
    cases["a compressed array of 200 MB"] = lambda: _write_model(
        archive=_archive(np.zeros(5 * 10**7, np.float32), zipfile.ZIP_DEFLATED)
    )
    cases["an array that claims 10^12 numbers"] = lambda: _write_model(
        archive=_archive(np.float32(0), shape=(10**12,))
    )
    cases["the same in both files"] = lambda: _write_model(
        archive=_archive(np.float32(0), shape=(10**12,)), shape=[10**12]
    )
    cases["a pickle"] = lambda: _write_model(archive=_pickle())
    for name in ("users.response", "documents.describe", "users._name", "users.__class__"):
        cases[f"a value for {name}"] = lambda name=name: _write_model(name=name)
    cases["an estimate of infinity"] = lambda: _write_model(archive=_archive(np.float32(np.inf)))
    cases["nested JSON"] = lambda: _write_model(metadata="[" * 900_000)
    cases["64 MB of JSON"] = lambda: _write_model(metadata="[" + "0," * 2**25 + "0]")
    cases["a digest of another file"] = lambda: _write_model(more={"sha256": {"../payload.py": ""}})
    return cases


def runs() -> dict[str, _Write]:
    """Run folders by what they try."""
    cases: dict[str, _Write] = {
        name: lambda line=line: _write_run(f"{line}\n{_RUN}")
        for name, line in {**_LINES, **_OF_RUNS}.items()
    }
    cases["a hostile model"] = _hostile_model_in_run
    cases["checkpoints elsewhere"] = _checkpoints_elsewhere
    cases["a link that leads out"] = _link
    return cases


def _beside() -> Path:
    folder = Path("hostile")
    folder.mkdir()
    for path in (Path("payload.py"), folder / "payload.py"):
        path.write_text(_PAYLOAD)
    for path in (folder / "other.gin", Path("..", "other.gin")):
        path.write_text("import payload\n")
    return folder


def _write_run(config: str) -> Path:
    folder = _beside()
    (folder / "config.gin").write_text(config)
    return folder


def _write_model(
    config: str = _MODEL,
    archive: bytes | None = None,
    shape: list[int] | None = None,
    name: str = _NAME,
    metadata: str | None = None,
    more: dict | None = None,
) -> Path:
    """A model whose digests are right."""
    folder = _beside()
    (folder / "config.gin").write_text(config)
    (folder / "parameters.npz").write_bytes(archive or _archive(np.float32(0.3), name=name))
    digests = {
        each: hashlib.sha256((folder / each).read_bytes()).hexdigest()
        for each in ("config.gin", "parameters.npz")
    }
    parameters = {name: {"shape": shape or [], "dtype": "float32"}}
    content = {"format": 1, "parameters": parameters, "sha256": digests, **(more or {})}
    (folder / "model.json").write_text(metadata or json.dumps(content))
    return folder


def _archive(value, compression=zipfile.ZIP_STORED, shape=None, name: str = _NAME) -> bytes:
    """An archive with one value for all fields, whose header claims a shape."""
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape or np.shape(value)}
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for field in _FIELDS:
            with archive.open(f"{name}.{field}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, header)
                file.write(value.tobytes())
    return stream.getvalue()


class _Acts:
    def __reduce__(self):
        return os.system, (f"touch {MARKER}",)


def _pickle() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **{f"{_NAME}.{field}": np.array(_Acts(), object) for field in _FIELDS})
    return stream.getvalue()


def _hostile_model_in_run() -> None:
    folder = _write_model(f"import payload\n{_MODEL}")
    (folder / "config.gin").rename(folder / "model.gin")
    model = Path("model")
    model.mkdir()
    (folder / "model.gin").rename(model / "config.gin")
    for name in ("model.json", "parameters.npz"):
        (folder / name).rename(model / name)
    (folder / "config.gin").write_text(
        f"load_simulator.folder = 'model'\n{_RUN.replace('@drifting_taste', '@load_simulator')}"
    )


def _checkpoints_elsewhere() -> None:
    folder = _write_run(_RUN)
    Path("..", "elsewhere", "1").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "1").symlink_to(Path("..", "..", "..", "elsewhere", "1"))


def _link() -> None:
    folder = _write_run(_RUN)
    Path("..", "elsewhere").touch()
    (folder / "evaluations.jsonl").symlink_to(Path("..", "..", "elsewhere"))
