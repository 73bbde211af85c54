"""Damaged files of every format are read as they were, or refused in one line that names them."""

import contextlib
import gzip
import io
import json
import shutil
import zipfile

import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import recsim_tf
from recsim_tf import checkpoints, fitting
from recsim_tf.adapters import episodes
from recsim_tf.experiment import config
from recsim_tf.experiment.fitting import run_fit
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sweeps.folder import Shard, SweepDirectory
from recsim_tf.experiment.sweeps.plan import plan
from recsim_tf.experiment.sweeps.results import read_results
from recsim_tf.experiment.sweeps.settings import Sweep
from recsim_tf.fitting.logs import from_table, read_movielens, read_movies, read_open_bandit
from recsim_tf.policies import random_policy
from tests.properties.damage import bytes_of, file_of, json_of, read_or_refused, same

NO_MASS = "users.choice_model.no_click_mass"


@pytest.fixture(scope="module")
def simulator():
    return recsim_tf.interest_exploration(slate_size=2, num_candidates=4, max_steps=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


# Checkpoints.


def _checkpoint(number):
    return tf.train.Checkpoint(one=tf.Variable(float(number)), other=tf.Variable(number + 0.5))


@pytest.mark.parametrize("saved", [(20,), (10, 20)], ids=["the only one", "the newest of two"])
@given(data=st.data())
def test_a_damaged_checkpoint_is_refused_or_the_one_before_it_is_restored(folder, saved, data):
    whole, bad = folder / f"whole-{len(saved)}", folder / "checkpoints"
    if not whole.exists():
        whole.mkdir()
        for number in saved:
            checkpoints.save(whole, number, {"run": _checkpoint(number)}, max_to_keep=2)
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(whole, bad)
    file = data.draw(st.sampled_from(sorted((bad / "20").iterdir())))
    file.write_bytes(data.draw(bytes_of(file.read_bytes())))
    restored, said = _checkpoint(0), io.StringIO()
    with contextlib.redirect_stderr(said):
        number = read_or_refused(lambda: checkpoints.restore_newest(bad, "run", restored), str(bad))
    if number is not None:
        assert number in saved
        assert restored.one.numpy() == number
        assert restored.other.numpy() == number + 0.5
        assert len(said.getvalue().splitlines()) == (number != 20)


# Episode files.


@pytest.fixture(scope="module")
def log(folder, simulator):
    """The bytes of a log, its first record, and how a log is read."""
    path = folder / "log.tfrecord"
    episodes.write(path, simulator, simulator.rollout(random_policy(simulator), 3, 4, 0))
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]

    def read(content):
        bad = folder / "bad.tfrecord"
        bad.write_bytes(content)
        trajectory = episodes.read(bad, simulator).trajectory()
        return [leaf.numpy() for leaf in tf.nest.flatten(trajectory)]

    return path.read_bytes(), records, read


@given(data=st.data())
def test_a_damaged_episode_file_is_read_as_it_was_or_refused(log, data):
    whole, _, read = log
    content = data.draw(bytes_of(whole))
    found = read_or_refused(lambda: read(content), "bad.tfrecord")
    assert found is None or same(found, read(whole))


def _with_record(folder, record, records):
    """The bytes of a file with valid checksums."""
    path = folder / "framed.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in (record, *records[1:]):
            writer.write(each)
    return path.read_bytes()


@given(data=st.data())
def test_a_damaged_record_with_a_valid_checksum_is_read_or_refused(log, folder, data):
    _, records, read = log
    content = _with_record(folder, data.draw(bytes_of(records[0])), records)
    read_or_refused(lambda: read(content), "bad.tfrecord")


@given(data=st.data())
def test_impossible_values_of_an_episode_file_are_refused(log, folder, data):
    _, records, read = log
    example = tf.train.SequenceExample.FromString(records[0])
    lists = example.feature_lists.feature_list
    name = data.draw(st.sampled_from(sorted(lists)))
    feature = lists[name].feature[data.draw(st.integers(0, len(lists[name].feature) - 1))]
    kind = feature.WhichOneof("kind")
    changes = {"float_list": (float("nan"), float("inf")), "int64_list": (-7, 77, 2**40)}
    change = data.draw(st.sampled_from(("removed", "one more", *changes.get(kind, ()))))
    values = getattr(feature, kind).value
    if change == "removed":
        del lists[name]
    elif change == "one more" or not values:
        values.append(values[0] if values else type(values)().add())
    else:
        values[-1] = change
    content = _with_record(folder, example.SerializeToString(), records)
    assert read_or_refused(lambda: read(content), "bad.tfrecord") is None


# Saved models.


@pytest.fixture(scope="module")
def model(folder, simulator):
    """A folder of a saved model."""
    log = fitting.simulated_log(simulator, 10, 3)
    result = fitting.fit(
        simulator,
        {NO_MASS: fitting.Parameter()},
        log,
        fitting.LBFGS(max_iterations=1),
        jit_compile=False,
        progress=False,
    )
    sizes = "interest_exploration.slate_size = 2\ninterest_exploration.num_candidates = 4"
    path = folder / "model"
    fitting.save_model(
        path,
        result,
        build="interest_exploration",
        config=f"{sizes}\ninterest_exploration.max_steps = 4",
    )
    return path


@given(data=st.data())
def test_a_damaged_model_is_loaded_with_valid_parameters_or_refused(model, folder, data):
    bad = folder / "bad model"
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(model, bad)
    file = data.draw(st.sampled_from(sorted(bad.iterdir())))
    content = data.draw(st.none() | file_of(file.read_bytes()))
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    loaded = read_or_refused(lambda: fitting.load_model(bad), str(bad), NO_MASS)
    if loaded is not None:
        assert isinstance(loaded.simulator, recsim_tf.Simulator)
        values = tf.nest.flatten(loaded.simulator.parameters())
        assert all(bool(tf.reduce_all(tf.math.is_finite(value))) for value in values)


# Folders of runs, sweeps and fits.

GIN = (
    "experiment.simulator = @interest_evolution()",
    "experiment.create_agent = @create_slate_q",
    "train.num_iterations = 20",
)
ROW = {"iteration": 20, "env_steps": 160, "AverageEpisodeRewards/eval": 3.5}
POLICY = {
    "name": "SlateQ",
    "mean_return": 3.5,
    "standard_error": 0.5,
    "mean_length": 60.0,
    "click_rate": 0.5,
    "mean_quality": None,
}
RESULTS = {
    "policies": [{**POLICY, "name": "Random"}, POLICY],
    "train": {"iterations": 20, "env_steps": 160, "seconds": 2.0},
}
FITTED = {
    "estimates": {NO_MASS: {"value": 1.5, "standard_error": 0.5, "low": 0.5, "high": 2.5}},
    "sessions": 10,
    "steps": 20,
    "log_likelihood_per_step": -1.5,
    "held_out_sessions": 2,
    "held_out_log_likelihood_per_step": -1.5,
    "not_identified": [],
    "converged": True,
    "stopped_early": False,
    "diverged": False,
    "confidence": 0.95,
}


@given(data=st.data())
def test_damaged_metrics_of_a_run_are_read_or_refused(folder, data):
    run = folder / "run"
    run.mkdir(exist_ok=True)
    (run / "config.gin").write_text("")
    line = json.dumps(ROW).encode()
    damaged = data.draw(bytes_of(line) | json_of(ROW)).replace(b"\n", b" ")
    (run / "metrics.jsonl").write_bytes(b"\n".join([line, damaged, line, b""]))
    read_or_refused(RunDirectory(run).metrics, "metrics.jsonl")


@given(data=st.data())
def test_a_damaged_configuration_of_a_run_is_the_same_or_refused(folder, data):
    text = config.load([], GIN)
    run = folder / "configured"
    run.mkdir(exist_ok=True)
    (run / "config.gin").write_bytes(data.draw(bytes_of(text.encode())))
    read_or_refused(lambda: RunDirectory(run, text), "config.gin", "root_dir")


@pytest.fixture(scope="module")
def sweep(folder):
    """A sweep of two trials, of which the first finished and the second failed."""
    variants = ({"Evaluation.num_users": 4}, {"Evaluation.num_users": 8})
    trials = plan(Sweep(variants, (), GIN, (0,), num_processes=1, threads_per_trial=1))
    directory = SweepDirectory(str(folder / "sweep"), trials)
    with directory.claim(Shard()):
        pass
    for trial in trials:
        files = directory.files[trial.name]
        files.prepare(trial.config)
        files.run.mkdir(parents=True)
        (files.run / "config.gin").write_text(trial.config)
        (files.run / "operative_config.gin").write_text("")
        (files.run / "metrics.jsonl").write_text(json.dumps(ROW) + "\n")
    first, second = (directory.files[trial.name].run for trial in trials)
    (first / "results.json").write_text(json.dumps(RESULTS))
    failed = {"status": "failed", "error": "it was too hot"}
    second.with_name(f"{second.name}.outcome.json").write_text(json.dumps(failed))
    return directory.path, trials


@given(data=st.data())
def test_a_damaged_file_of_a_sweep_is_refused_or_names_the_trial(sweep, data):
    root, trials = sweep
    files = [path for path in sorted(root.rglob("*.json*")) if path.stat().st_size]
    file = data.draw(st.sampled_from(files))
    whole = file.read_bytes()
    try:
        file.write_bytes(data.draw(file_of(whole)))
        found = read_or_refused(lambda: read_results(SweepDirectory(str(root), trials)), file.name)
    finally:
        file.write_bytes(whole)
    for trial in found.trials if found else ():
        assert trial.status in ("finished", "failed", "pending")
        assert "\n" not in (trial.error or "")


@given(data=st.data())
def test_damaged_results_of_a_fit_are_read_or_refused(folder, simulator, data):
    run = folder / "fit"
    run.mkdir(exist_ok=True)
    text = config.load([], ["run_fit.num_replicates = 20"])
    (run / "config.gin").write_text(text)
    (run / "results.json").write_bytes(data.draw(file_of(json.dumps(FITTED).encode())))

    def read():
        with contextlib.redirect_stdout(io.StringIO()):
            return run_fit(RunDirectory(run, text), simulator, {NO_MASS: fitting.Parameter()}, None)

    read_or_refused(read, "results.json")


# Tables.

ROLES = ("session", "step", "position", "document", "clicked", "engagement", "propensity")
ROWS = [
    (session, step, place, f"d{(session + step + place) % 5}", int(place == step), 1.5, 0.25)
    for session in range(2)
    for step in range(2)
    for place in range(2)
]
RATINGS = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
MOVIES = ("item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq")
ITEMS = ("item_id", *(f"item_feature_{number}" for number in range(4)))
PAGES = (
    *("timestamp", "item_id", "position", "click", "propensity_score"),
    *(f"user_feature_{number}" for number in range(4)),
    *(f"user-item_affinity_{number}" for number in range(3)),
)
TABLES = {
    "log.csv": (",", ROLES, ROWS),
    "u.inter": ("\t", RATINGS, [(1 + row % 2, 1 + row, 3.0, 88000 + row) for row in range(6)]),
    "u.item": ("\t", MOVIES, [(1 + row, "Film", 1990 + row, "War Drama") for row in range(4)]),
    "random/all/item_context.csv": (
        ",",
        ITEMS,
        [(row, 0.5 + row, f"a{row}", f"b{row}", f"c{row}") for row in range(3)],
    ),
    "random/all/all.csv": (
        ",",
        PAGES,
        [
            (f"2019-11-24 00:00:0{row}+00:00", row, 1 + row, row % 2, 0.3, *"abcd", 0, 1.0, 0)
            for row in range(3)
        ],
    ),
}
CELLS = ("", "abc", "nan", "inf", "1e400", "9" * 400, "-1", "0.5", "1e30", "9999", "[]", "2020-13")


def _text(separator, names, rows):
    return "\n".join(separator.join(map(str, row)) for row in [names, *rows]) + "\n"


def _read_table(folder, name):
    if name.startswith("log"):
        return from_table(folder / name, columns={role: role for role in ROLES})
    if name == "u.inter":
        return read_movielens(folder / name, num_movies=50)
    return (
        read_movies(folder / name, num_movies=50) if name == "u.item" else read_open_bandit(folder)
    )


@pytest.fixture(scope="module")
def tables(folder):
    (folder / "random" / "all").mkdir(parents=True)
    for name, table in TABLES.items():
        (folder / name).write_text(_text(*table))
    return folder


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
def test_a_damaged_table_is_read_or_refused(tables, name, data):
    separator, names, rows = TABLES[name]
    row, column = (data.draw(st.integers(0, len(each) - 1)) for each in (rows, names))
    changed = [list(each) for each in rows]
    changed[row][column] = data.draw(st.sampled_from(CELLS))
    cell = _text(separator, names, changed).encode()
    header = [f"{each}s" if place == column else each for place, each in enumerate(names)]
    whole = _text(separator, names, rows)
    others = [cell, _text(separator, header, rows).encode(), whole.encode("utf-16"), bytes(300)]
    path = tables / name
    try:
        path.write_bytes(data.draw(st.sampled_from(others) | bytes_of(whole.encode())))
        read_or_refused(lambda: _read_table(tables, name), path.name, "column")
    finally:
        path.write_text(whole)


def _packed(kind):
    text, stream = _text(*TABLES["log.csv"]), io.BytesIO()
    if kind == "csv.gz":
        return gzip.compress(text.encode(), mtime=0)
    if kind == "csv.zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("log.csv"), text)
    else:
        pd.DataFrame(ROWS, columns=ROLES).to_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["csv.gz", "csv.zip", "parquet"])
@given(data=st.data())
def test_a_damaged_archive_of_a_table_is_read_or_refused(folder, kind, data):
    path = folder / f"log.{kind}"
    path.write_bytes(data.draw(bytes_of(_packed(kind))))
    read_or_refused(lambda: _read_table(folder, path.name), path.name, "column", "table")
