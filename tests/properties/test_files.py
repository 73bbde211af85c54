# SPDX-License-Identifier: Apache-2.0
"""Damaged files of every format are read as they were, or refused in one line that names them."""

import contextlib
import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import iard, soft_attributes

import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.conversations import logs as conversation_logs
from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sweeps.plan import Sweep, plan
from recsim_tf.experiment.sweeps.results import read_results
from recsim_tf.experiment.sweeps.sweep_folder import Shard, SweepDirectory
from recsim_tf.logs import episodes, from_table
from recsim_tf.policies import random_policy
from recsim_tf.support import checkpoints
from tests.properties.damage import bytes_of, file_of, read_or_refused

NO_CLICK_MASS = "users.choice_model.no_click_mass"
GIN = (
    "experiment.simulator = @interest_evolution()",
    "experiment.create_agent = @create_slate_q",
    "train.num_iterations = 20",
)
ROW = {"iteration": 20, "env_steps": 160, "AverageEpisodeRewards/eval": 3.5}
POLICY = {"name": "SlateQ", "mean_return": 3.5, "standard_error": 0.5, "mean_length": 60.0}
RESULTS = {
    "policies": [{**POLICY, "name": "Random"}, POLICY],
    "train": {"iterations": 20, "env_steps": 160, "seconds": 2.0},
}
TABLES = {
    "log.csv": """session,step,position,document,clicked,engagement
a,0,0,d0,1,1.5
a,0,1,d1,0,
a,1,0,d2,0,
b,0,0,d1,1,0.5
""",
    "u.inter": """user_id:token\titem_id:token\trating:float\ttimestamp:float
1\t1\t3\t880
2\t2\t4\t881
1\t3\t5\t882
""",
    "u.item": """item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq
1\tFilm\t1990\tDrama
2\tFilm\t1991\tWar Drama
""",
    "random/all/item_context.csv": """\
item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3
0,0.5,a,b,c
1,1.5,d,b,c
""",
    "random/all/all.csv": """timestamp,item_id,position,click,propensity_score,user_feature_0,\
user_feature_1,user_feature_2,user_feature_3,user-item_affinity_0,user-item_affinity_1
2019-11-24 00:00:00+00:00,0,1,0,0.3,a,b,c,d,0,1
2019-11-24 00:00:01+00:00,1,2,1,0.3,a,b,c,d,0,0
""",
    "soft-attributes.csv": """\
rater_id,reference_title,soft_attribute,less_than,about_as,more_than
8,Up,scary,"[""Heat""]",,"[""Coco""]"
3,Heat,funny,,"[""Up""]",
""",
    "turns.csv": """user,turn,act,reply,value,first,second,asked
a,0,recommend,choose,0,up,heat,
a,1,ask,answer,1,up,,funny
b,0,recommend,nothing,,heat,,
""",
    "iard.json": """{"7": {"dialogue_info": {"R1": {"utterance_pos": 1, "role": "recommender",\
 "sub-intent/action": ["REC-S"], "utterance_text": "Up?"}, "S2": {"utterance_pos": 2,\
 "role": "seeker", "sub-intent/action": ["ACC"], "utterance_text": "yes"}}}}
""",
}
ROLES = {"session": "user", "step": "turn", "act": "act", "mode": "reply", "value": "value"}
TURNS = {"items": ("first", "second"), "attributes": ("asked",), "attribute_names": ("funny",)}
CELLS = ("", "abc", "nan", "inf", "1e400", "9" * 400, "-1", "0.5", "1e30", "9999", "[]", "2020-13")


@pytest.fixture(scope="module")
def simulator():
    return recsim_tf.interest_exploration(slate_size=2, num_candidates=4, max_steps=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def checkpoint(number):
    return tf.train.Checkpoint(one=tf.Variable(float(number)), other=tf.Variable(number + 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("saved", [(20,), (10, 20)], ids=["the only one", "the newest of two"])
@given(data=st.data())
def test_a_damaged_checkpoint_is_refused_or_the_one_before_it_is_restored(folder, saved, data):
    whole, bad = folder / f"whole-{len(saved)}", folder / "checkpoints"
    if not whole.exists():
        whole.mkdir()
        for number in saved:
            checkpoints.save(whole, number, {"run": checkpoint(number)}, max_to_keep=2)
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(whole, bad)
    file = data.draw(st.sampled_from(sorted((bad / "20").iterdir())))
    file.write_bytes(data.draw(bytes_of(file.read_bytes())))
    restored, said = checkpoint(0), io.StringIO()
    with contextlib.redirect_stderr(said):
        number = read_or_refused(lambda: checkpoints.restore_newest(bad, "run", restored), str(bad))
    if number is not None:
        assert number in saved
        assert restored.one.numpy() == number
        assert restored.other.numpy() == number + 0.5
        assert len(said.getvalue().splitlines()) == (number != 20)


@pytest.fixture(scope="module")
def log(folder, simulator):
    """The bytes of a log, its first record, and how a log is read."""
    path = folder / "log.tfrecord"
    episodes.write(path, simulator, simulator.rollout(random_policy(simulator), 3, 4, 0))
    record = next(iter(tf.data.TFRecordDataset(str(path)))).numpy()

    def read(content):
        bad = folder / "bad.tfrecord"
        bad.write_bytes(content)
        return [*tf.nest.flatten(episodes.read(bad, simulator).trajectory())]

    return path.read_bytes(), record, read


@pytest.mark.slow
@given(data=st.data())
def test_a_damaged_episode_file_is_read_as_it_was_or_refused(log, data):
    whole, _, read = log
    content = data.draw(bytes_of(whole))
    found = read_or_refused(lambda: read(content), "bad.tfrecord")
    if found is not None:
        assert all(map(np.array_equal, found, read(whole)))


def framed(folder, record):
    """The bytes of a file of one record with a valid checksum."""
    path = folder / "framed.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(record)
    return path.read_bytes()


@pytest.mark.slow
@given(data=st.data())
def test_a_damaged_record_with_a_valid_checksum_is_read_or_refused(log, folder, data):
    _, record, read = log
    content = framed(folder, data.draw(bytes_of(record)))
    read_or_refused(lambda: read(content), "bad.tfrecord")


@pytest.fixture(scope="module")
def model(folder, simulator):
    """A folder of a saved model."""
    search = fitting.LBFGS(max_iterations=1)
    log = logs.simulated_log(simulator, 10, 3)
    result = fitting.fit(
        simulator, {NO_CLICK_MASS: fitting.Parameter()}, log, method=fitting.Exact(search=search)
    )
    fitting.save_model(folder / "model", result)
    return folder / "model"


@pytest.mark.slow
@given(data=st.data())
def test_a_damaged_model_is_loaded_with_finite_parameters_or_refused(model, folder, data):
    bad = folder / "bad model"
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(model, bad)
    file = data.draw(st.sampled_from(sorted(bad.iterdir())))
    content = data.draw(st.none() | file_of(file.read_bytes()))
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    loaded = read_or_refused(lambda: fitting.load_model(bad), str(bad), NO_CLICK_MASS)
    if loaded is not None:
        values = tf.nest.flatten(loaded.simulator.parameters())
        assert all(np.isfinite(value).all() for value in values)


@pytest.mark.slow
@given(data=st.data())
def test_damaged_metrics_of_a_run_are_read_or_refused(folder, data):
    run = folder / "run"
    run.mkdir(exist_ok=True)
    (run / "config.gin").write_text("")
    line = json.dumps(ROW).encode()
    damaged = data.draw(file_of(line)).replace(b"\n", b" ")
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


def from_log(path):
    roles = TABLES["log.csv"].partition("\n")[0].split(",")
    return from_table(path, columns=dict(zip(roles, roles, strict=True)))


# By the beginning of the name of a file.
READERS = {
    "log": from_log,
    "pages": logs.read_result_pages,
    "u.inter": lambda path: logs.read_movielens(path, num_movies=50),
    "u.item": lambda path: logs.read_movies(path, num_movies=50),
    "random": lambda path: logs.read_open_bandit(path.parents[2]),
    "soft": soft_attributes.read_soft_attributes,
    "turns": lambda path: conversation_logs.from_turns(path, ROLES, **TURNS),
    "iard": iard.read_iard,
}


def read_table(folder, name):
    (read,) = (reader for begins, reader in READERS.items() if name.startswith(begins))
    return read(folder / name)


@pytest.mark.parametrize("name", TABLES)
def test_a_whole_table_is_read(folder, name):
    write_tables(folder)
    read_table(folder, name)


def write_tables(folder):
    (folder / "random" / "all").mkdir(parents=True, exist_ok=True)
    for name, text in TABLES.items():
        (folder / name).write_text(text)


@st.composite
def table_of(draw, text):
    """A table with another value or name of a column, or damaged bytes."""
    if text.startswith("{"):
        return draw(file_of(text.encode()))
    if draw(st.booleans()):
        return draw(bytes_of(text.encode()) | st.sampled_from((text.encode("utf-16"), bytes(300))))
    separator = "\t" if "\t" in text else ","
    rows = [line.split(separator) for line in text.splitlines()]
    row = draw(st.sampled_from(rows))
    row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(CELLS))
    return "\n".join(map(separator.join, rows)).encode()


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=5 * settings().max_examples)
@given(data=st.data())
def test_a_damaged_table_is_read_or_refused(folder, name, data):
    write_tables(folder)
    path = folder / name
    path.write_bytes(data.draw(table_of(TABLES[name])))
    read_or_refused(lambda: read_table(folder, name), path.name, "column")


@pytest.mark.parametrize("name", ["log.csv.gz", "log.csv.zip", "log.parquet", "pages.parquet"])
@given(data=st.data())
def test_a_damaged_archive_of_a_table_is_read_or_refused(folder, name, data):
    path, kind = folder / name, name.rpartition(".")[2]
    frame = pd.read_csv(io.StringIO(TABLES["log.csv"]))
    if name.startswith("pages"):
        frame = pd.DataFrame({"query": ["b", "a"], "documents": [["d", "e"], ["e", "d"]]})
        frame["clicked_positions"] = [[0], []]
    (frame.to_parquet if kind == "parquet" else frame.to_csv)(path)
    path.write_bytes(data.draw(bytes_of(path.read_bytes())))
    read_or_refused(lambda: read_table(folder, path.name), path.name, "column", "table")
