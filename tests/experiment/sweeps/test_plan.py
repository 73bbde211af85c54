# SPDX-License-Identifier: Apache-2.0
import pytest

from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sweeps.plan import variant_label
from recsim_tf.experiment.sweeps.sweep_folder import Shard, SweepDirectory
from recsim_tf.support.errors import UsageError
from recsim_tf.support.tables import short_names
from tests.experiment.sweeps.sweeps import claim, finish, plan_tiny
from tests.experiment.tiny_runs import TINY, snapshot
from tests.refusals import assert_refused


def test_names_are_the_shortest_that_tell_bindings_apart():
    others = ("Adam.learning_rate", "SGD.learning_rate", "a/train.x", "b/train.x", "gin_file")
    expected = {"SlateQTargets.target": "target", **{name: name for name in others}}
    assert short_names(expected) == expected


def test_labels_are_safe_distinct_and_not_too_long():
    bindings = {"A.x": "../up ~", "A.y": (64, 64), "A.z": 1e-05, "A.w": ()}
    assert variant_label(bindings, short_names(bindings)) == "x=.._up,y=64-64,z=1e-05,w=none"
    assert variant_label({}, {}) == "base"
    long = [{"A.x": "x" * 300 + end} for end in "ab"]
    labels = {variant_label(bindings, short_names(bindings)) for bindings in long}
    assert len(labels) == 2
    assert all(len(label) <= 120 for label in labels)


def test_a_trial_is_the_configuration_of_an_ordinary_run():
    first, second = plan_tiny(
        {"SlateQTargets.target": "sarsa", "SlateQNetwork.hidden_units": (4,)}, seeds=(3, 5)
    )
    bindings = [
        'SlateQTargets.target = "sarsa"',
        "SlateQNetwork.hidden_units = (4,)",
        "experiment.seed = 3",
    ]
    assert first.config == config.load([TINY], bindings)
    label = "target=sarsa,hidden_units=4"
    assert (first.name, second.name) == (f"{label}/seed-3", f"{label}/seed-5")
    assert first.num_iterations == 40


def test_references_macros_and_files_may_be_swept(tmp_path):
    file = tmp_path / "sarsa.gin"
    file.write_text('SlateQTargets.target = "sarsa"\nExploration.epsilon = %exploration\n')
    variant = {
        "gin_file": str(file),
        "exploration": 0.3,
        "create_slate_q.optimizer": "@Adam",
        "experiment.layers": ("@SwitchingCost()",),
    }
    (trial,) = plan_tiny(variant)
    assert (
        trial.variant.label == "gin_file=sarsa,exploration=0.3,optimizer=Adam,layers=SwitchingCost"
    )
    lines = ("exploration = 0.3", "target = 'sarsa'", "optimizer = @Adam")
    for line in (*lines, "layers = (@SwitchingCost(),)"):
        assert line in trial.config


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([{"nothing.x": 1}], "trial x=1: binding 'nothing.x = 1': nothing is unknown;"),
        ([{"nothing": 1}], "'nothing' is neither a binding, such as .*, nor a macro that the conf"),
        ([{"recsim_tf.experiment.seed": 1}], "recsim_tf.experiment.seed is swept by sweep.seeds"),
        ([{"train.num_iterations": 1, "recsim_tf.train.num_iterations": 2}], "are one binding"),
        (
            [{"SlateQTargets.target": object()}],
            "must be a Python literal, or a reference in quotes",
        ),
        (
            [{"SlateQNetwork.hidden_units": (4,)}, {"SlateQNetwork.hidden_units": 4}],
            "two trials would have the folder hidden_units=4: .*4,.* and",
        ),
        ([{"gin_file": 3}], "gin_file must be a string or a tuple of strings, got 3"),
        ([{"gin_file": "nowhere.gin"}], "gin_file 'nowhere.gin' is neither a file nor"),
    ],
)
def test_bad_variants_are_named(variants, message):
    with pytest.raises(UsageError, match=message):
        plan_tiny(*variants)


def test_shards_share_the_trials(tmp_path):
    trials = plan_tiny({}, {"Exploration.epsilon": 0.3}, seeds=(0, 1, 2))
    folder = SweepDirectory(str(tmp_path / "sweep"), trials)
    parts = [folder.part(Shard.parse(text)) for text in ("0/4", "1/4", "2/4", "3/4")]
    assert sorted(trial.name for part in parts for trial in part) == sorted(
        trial.name for trial in trials
    )
    message = "--shard must be i/n with 0 <= i < n, such as 0/2, got"
    for text in ("1", "2/2", "-1/2", "a/b", "0/0"):
        assert_refused(lambda text=text: Shard.parse(text), message)


def test_a_sweep_may_grow_and_may_not_lose_what_is_there(tmp_path):
    root = tmp_path / "sweep"
    (trial,) = plan_tiny({"Exploration.epsilon": 0.3})
    folder = SweepDirectory(str(root), [trial])
    claim(folder)
    finish(folder.files[trial.name], trial.config, 1.0)
    assert folder.files[trial.name].outcome().status == "finished"
    before = snapshot(root)

    longer = plan_tiny(
        {"Exploration.epsilon": 0.3},
        {"Exploration.epsilon": 0.4},
        seeds=(0, 1),
        gin_bindings=("train.num_iterations = 60",),
    )
    grown = SweepDirectory(str(root), longer)
    assert [files.outcome().status for files in grown.files.values()] == ["pending"] * 4
    for epsilon, binding, message in (
        (0.4, "", "holds a sweep whose trial epsilon=0.3/seed-0 is not in this one"),
        (0.3, "Learning.average_tau = 0.5", "differs in Learning.average_tau"),
        (
            0.3,
            "train.num_iterations = 20",
            "trial epsilon=0.3/seed-0: train.num_iterations must be at least 40, .* got 20",
        ),
    ):
        other = plan_tiny({"Exploration.epsilon": epsilon}, gin_bindings=(binding,))
        assert_refused(lambda other=other: SweepDirectory(str(root), other), message)
    assert snapshot(root) == before


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    trials = plan_tiny({})
    with (
        RunDirectory(tmp_path / "run", trials[0].config).claim(),
        pytest.raises(UsageError, match="is not empty and holds no sweep"),
    ):
        SweepDirectory(str(tmp_path / "run"), trials)
    (tmp_path / "file").touch()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "trials.json").write_text("{")
    for name, message in (
        ("file", "is a file"),
        ("damaged", "trials.json is damaged .*: restore it, or choose"),
    ):
        assert_refused(lambda name=name: SweepDirectory(str(tmp_path / name), trials), message)


def test_a_shard_belongs_to_one_process_at_a_time(tmp_path):
    folder = SweepDirectory(str(tmp_path / "sweep"), plan_tiny({}, seeds=(0, 1)))
    with folder.claim(Shard(0, 2)):
        with folder.claim(Shard(1, 2)):
            pass
        with (
            pytest.raises(UsageError, match="is in use by another process"),
            folder.claim(Shard(0, 2)),
        ):
            pass
