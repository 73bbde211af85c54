# SPDX-License-Identifier: Apache-2.0
"""The gin files that are installed: each says what it gives, and each builds."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.core.base.types import Turn
from recsim_tf.experiment import building, config
from recsim_tf.experiment.gin.config_files import find_config, packaged_configs, packaged_sweeps
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sweeps.plan import Sweep, plan
from recsim_tf.training import Training
from tests.experiment.tiny_runs import TINY
from tests.logs.datasets import ml_100k
from tests.logs.datasets.test_open_bandit import write
from tests.real_worlds import tables
from tests.recipes.test_iard import utterance

# The number of users does not change what is built.
_SMALL = ("experiment.num_users = 2",)
_RECIPES = Path(__file__).parents[2] / "examples" / "recipes"
_FITS = [name for name in packaged_configs() if "run_fit." in find_config(name).read_text()]
FITS = [*_FITS, *(str(_RECIPES / name) for name in ("iard.gin", "returns.gin", "shelf.gin"))]
_SIZES_OF_JUDGED = ("num_sessions", "num_simulated", "num_truth")
SIMULATIONS = [
    name for name in packaged_configs() if "simulate.policies" in find_config(name).read_text()
]
# Of a model that another config fits.
_SEEKERS = str(_RECIPES / "iard_seekers.gin")
# Of the tables of public logs, by config.
_TABLES = {
    "worlds/feed.gin": {
        "read_kuairand.impressions": "kuairand_train.parquet",
        "read_kuairand.histories": ("kuairand_histories.parquet",),
    },
    "shelf.gin": {"read_shelf.table": "yogurt.csv"},
    "returns.gin": {"read_returns.path": "ta_feng.parquet"},
}
_NUM_FITTED = {"iard.gin": 10, "worlds/feed.gin": 48, "shelf.gin": 8, "returns.gin": 48}
JUDGED = [name for name in packaged_configs() if name.startswith("ope/")]
EXPERIMENTS = [name for name in packaged_configs() if name not in {*_FITS, *SIMULATIONS, *JUDGED}]


def _marked(names):
    return [
        pytest.param(name, marks=pytest.mark.slow)
        if name.startswith("conversation/")  # Beliefs take long to trace.
        else name
        for name in names
    ]


def test_every_experiment_and_sweep_has_a_name():
    names = packaged_configs()
    assert {"quickstart.gin", "interest_exploration/ucb1.gin"} <= set(names)
    assert not [name for name in names if "/_" in name]
    assert "sweeps/quickstart.gin" in packaged_sweeps()
    assert not set(packaged_sweeps()) & set(names)


def test_a_config_is_found_by_path_and_by_name():
    assert str(find_config(TINY)) == TINY
    assert find_config("quickstart.gin").is_file()


def test_every_packaged_config_parses_and_logs_nothing(caplog):
    for name in [*packaged_configs(), *FITS, _SEEKERS]:
        assert config.load([name], [])
    assert not caplog.records


@pytest.mark.parametrize("name", packaged_sweeps())
def test_every_trial_of_a_sweep_has_a_configuration(name):
    config.load([name], ())
    trials = plan(Sweep())
    assert len(trials) > 1
    assert len({trial.config for trial in trials}) == len(trials)


@pytest.mark.parametrize("name", [*packaged_configs(), *packaged_sweeps()])
def test_the_head_says_what_to_expect_and_how_to_run_it(name):
    head = find_config(name).read_text().split("\n\n")[0].replace("\n# ", " ")
    assert all(line.startswith("#") for line in head.splitlines())
    assert "Expected: " in head
    commands_of = {"fit": FITS, "simulate": SIMULATIONS, "ope": JUDGED}
    command = next((each for each, names in commands_of.items() if name in names), "train")
    run = f"{command} --root_dir=runs/{name.removesuffix('.gin')} --gin_file={name}"
    if name in packaged_sweeps():
        run = f"sweep --root_dir=runs/{name.removesuffix('.gin')} --sweep_file={name}"
    if name == "sweeps/suite.gin":
        run = "suite --root_dir=runs/suite"
    assert f"Run: recsim-tf {run}" in head


@pytest.mark.slow
@pytest.mark.parametrize("name", _marked(EXPERIMENTS))
@pytest.mark.filterwarnings("ignore")  # TF-Agents warns of its own dependencies.
def test_the_experiment_is_built(name):
    config.load([name], _SMALL)
    parts = Training()
    spec = parts.policy.action_spec
    slate_spec = spec.slate if isinstance(spec, Turn) else spec
    assert slate_spec.shape == [parts.simulator.slate_size]


@pytest.mark.slow
@pytest.mark.parametrize("name", _marked([name for name in SIMULATIONS if name != _SEEKERS]))
def test_the_simulation_runs(tmp_path, name):
    bindings = ["Evaluation.num_users = 4", "Evaluation.max_steps = 2"]
    bindings += ["ecosystem.users_per_world = 2", "news.users_per_world = 2"]
    if name == "conversation/movielens.gin":
        ml_100k.write(tmp_path)
        models = ("movielens_users", "movielens_items")
        bindings += [f"{model}.data_dir = '{tmp_path}'" for model in models]
    config.load([name], bindings)
    for policy in building.simulate(RunDirectory(tmp_path / "run", ""))["policies"]:
        assert policy["episodes"] == 4


@pytest.mark.parametrize(
    "name",
    [
        # Conversations in words take longest to trace.
        pytest.param(name, marks=pytest.mark.long) if name.endswith("iard.gin") else name
        for name in FITS
    ],
)
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
@pytest.mark.slow
def test_the_fit_runs(tmp_path, name):
    sizes = {
        "simulated_log.num_sessions": 50,
        "simulated_log.num_steps": 80,
        "LBFGS.max_iterations": 2,
        "run_fit.num_replicates": 20,
    }
    bindings = [f"{key} = {value}" for key, value in sizes.items()]
    file, name = name, name.removeprefix(f"{_RECIPES}/")
    if name == "iard.gin":
        bindings += [
            f"iard_log.path = '{_dialogues(tmp_path)}'",
            "Recurrent.num_units = 2",
            "trained_weights.max_passes = 1",
        ]
    if name in _TABLES:
        tables.write(tmp_path)
        bindings += [f"{key} = {_inside(tmp_path, each)!r}" for key, each in _TABLES[name].items()]
    if name == "shelf.gin":
        bindings += ["Draws.num_draws = 10", "Draws.jit_compile = False"]
    run = tmp_path / "run"
    content = building.fit(
        RunDirectory(str(run), config.load([file], [*bindings, "Exact.jit_compile = False"]))
    )
    assert content["sessions"] == _NUM_FITTED.get(name, 40)
    assert (run / "report.html").is_file()
    if name == "iard.gin":
        folder = f"load_simulator.folder = '{run / 'model'}'"
        config.load([_SEEKERS], [folder, "Evaluation.num_users = 4", "Evaluation.max_steps = 2"])
        simulated = building.simulate(RunDirectory(tmp_path / "seekers", ""))
        assert [policy["episodes"] for policy in simulated["policies"]] == [4, 4]


def _inside(folder, files):
    """The paths of a file, or of several, in a folder."""
    return str(folder / files) if isinstance(files, str) else [str(folder / each) for each in files]


@pytest.mark.parametrize("name", [name for name in JUDGED if name != "ope/slate_q.gin"])
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
@pytest.mark.slow
def test_policies_are_judged(tmp_path, name):
    bindings = [f"run_ope.{size} = 50" for size in _SIZES_OF_JUDGED]
    if name == "ope/open_bandit.gin":
        bindings += [f"read_open_bandit.folder = '{write(tmp_path)}'"]
        bindings += ["read_open_bandit.campaign = 'men'", "bts/read_open_bandit.policy = 'random'"]
    content = building.ope(RunDirectory(tmp_path / "run", config.load([name], bindings)))
    for policy in content["policies"].values():
        assert policy["estimates"]


def _dialogues(folder):
    """Ten dialogues in the form of IARD."""
    dialogue = [
        ("recommender", ["REQ"], "What do you like?"),
        ("seeker", ["PRO"], "I want something funny"),
        ("recommender", ["REC-S", "EXP-I"], "See @13, it is great"),
        ("seeker", ["ACC", "OTH"], "I will, thanks"),
        ("recommender", ["OTH"], "Have fun"),
        ("seeker", ["ACC", "OTH"], "I will watch it, thanks"),
    ]
    utterances = {f"U{place}": utterance(place, *each) for place, each in enumerate(dialogue)}
    path = folder / "iard.json"
    path.write_text(json.dumps({str(n): {"dialogue_info": utterances} for n in range(10)}))
    return path


@pytest.mark.slow
# TF-Agents, Matplotlib and PolicySaver warn of their own dependencies.
@pytest.mark.filterwarnings("ignore")
def test_a_run_with_held_slates_counts_steps_of_users_and_exports_a_policy_for_them(tmp_path):
    bindings = (
        *_SMALL,
        "Iteration.replay_length = 5",
        "Iteration.batch_size = 2",
        "train.num_iterations = 3",
        "train.eval_users = 2",
        "Evaluation.num_users = 4",
    )
    name = "long_term_satisfaction/full_slate_q_temporal_aggregation.gin"
    content = building.train(RunDirectory(str(tmp_path), config.load([name], bindings)))
    assert content["train"]["env_steps"] == 3 * 2 * 10
    agent = content["policies"][-1]
    assert agent["mean_length"] == 60
    assert agent["unfinished"] == 0
    simulator = recsim_tf.long_term_satisfaction()  # as the configuration binds it
    observation = simulator.observe(simulator.reset(3, seed=0))
    policy = tf.saved_model.load(str(tmp_path / "policy"))
    step = policy.action(ts.restart(observation, batch_size=3), policy.get_initial_state(3))
    assert step.action.shape == [3, 1]
