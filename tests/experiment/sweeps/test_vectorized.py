"""Trials that are trained as one program, and those that cannot be."""

import json

import pytest

from recsim_tf.experiment import building
from recsim_tf.experiment.sweeps.plan import Sweep, plan
from recsim_tf.experiment.sweeps.run import run_sweep
from tests.experiment.sweeps.sweeps import sweep_file
from tests.experiment.tiny_runs import TINY, open_run, refused, without_times

# Matplotlib warns of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_REINFORCE = (
    "experiment.create_agent = @create_reinforce",
    "experiment.baselines = ()",
    "experiment.num_users = 4",
    "Iteration.batch_size = None",
    "Learning.average_tau = None",
    "SlatePolicyNetwork.hidden_units = (8,)",
    "StateValueNetwork.hidden_units = (8,)",
    "LambdaReturns.num_steps = 9",
    "train.num_iterations = 4",
    "train.log_interval = 2",
    "train.eval_interval = 2",
    "train.checkpoint_interval = 2",
    "train.warmup_iterations = 9",
    "Evaluation.num_users = 8",
)


def test_trials_with_other_shapes_are_other_programs():
    variants = [
        {"LambdaReturns.gamma": gamma, "SlatePolicyNetwork.hidden_units": units}
        for gamma in (0.9, 1.0)
        for units in ((4,), (8,))
    ]
    sweep = Sweep(variants, (TINY,), _REINFORCE, seeds=(0, 1), vectorized=True)
    groups = sweep.populations(plan(sweep))
    assert [len(group) for group in groups] == [4, 4]
    for group in groups:
        assert (
            len({trial.variant.bindings["SlatePolicyNetwork.hidden_units"] for trial in group}) == 1
        )
        assert len({trial.variant.bindings["LambdaReturns.gamma"] for trial in group}) == 2
    sweep = Sweep(variants, (TINY,), _REINFORCE, seeds=(0, 1))
    assert [len(group) for group in sweep.populations(plan(sweep))] == [1] * 8


@pytest.mark.slow
def test_an_agent_that_cannot_be_a_member_is_refused_before_anything_starts(tmp_path, capfd):
    more = "sweep.seeds = (0, 1)\nsweep.vectorized = True\n"
    more += "sweep.gin_bindings = ('SlateQNetwork.memory = @Memory()',)\n"
    file = sweep_file(tmp_path, "{}", more=more)
    root = tmp_path / "sweep"
    line = refused(capfd, "sweep", f"--root_dir={root}", f"--sweep_file={file}")
    assert line.endswith("the networks of a population must have no memory, got SlateQ")
    assert not root.exists()


def _rows(run):
    return without_times([json.loads(line) for line in (run / "metrics.jsonl").open()])


def _assert_same(run, expected):
    """Requires two runs to have the same returns and losses, up to rounding."""
    for row, row_expected in zip(_rows(run), _rows(expected), strict=True):
        for name, value in row_expected.items():
            assert row[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name
    results = [json.loads((path / "results.json").read_text()) for path in (run, expected)]
    assert results[0]["policies"] == results[1]["policies"]


@pytest.mark.slow
def test_trials_of_one_program_leave_what_single_trials_do(tmp_path):
    file = sweep_file(
        tmp_path,
        '{"LambdaReturns.gamma": 0.9}',
        '{"LambdaReturns.gamma": 1.0}',
        more=f"sweep.gin_bindings = {_REINFORCE}\nsweep.num_processes = 1\n",
    )
    together, alone = tmp_path / "together", tmp_path / "alone"
    run_sweep(str(together), file, ["sweep.vectorized = True"])
    run_sweep(str(alone), file)
    for name in ("gamma=0.9/seed-0", "gamma=1.0/seed-0"):
        _assert_same(together / "trials" / name, alone / "trials" / name)
    # They go on from their checkpoints.
    more = [f"sweep.gin_bindings = {(*_REINFORCE, 'train.num_iterations = 6')}"]
    result = run_sweep(str(together), file, [*more, "sweep.vectorized = True"])
    assert all(trial.status == "finished" for trial in result.trials)
    assert [row["iteration"] for row in _rows(together / "trials" / name)] == [0, 2, 4, 6]


@pytest.mark.slow
def test_seeds_of_a_population_are_runs_of_their_own(tmp_path):
    bindings = (*_REINFORCE, "experiment.seed = 5")
    building.train(open_run(tmp_path / "seeds", *bindings, "train.population = 2"))
    building.train(open_run(tmp_path / "alone", *bindings))
    _assert_same(tmp_path / "seeds" / "seed-5", tmp_path / "alone")
    assert (tmp_path / "seeds" / "seed-6" / "policy").is_dir()
