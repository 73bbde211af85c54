"""Damaged small files of runs, fits and sweeps."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from campaign.badfiles import json_damage
from campaign.badfiles.cases import Case, ToldError

import recsim_tf
from recsim_tf.experiment import config, fitting
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.sweeps.folder import Shard, SweepDirectory
from recsim_tf.experiment.sweeps.plan import plan
from recsim_tf.experiment.sweeps.results import read_results
from recsim_tf.experiment.sweeps.settings import Sweep
from recsim_tf.fitting import Parameter
from recsim_tf.fitting.estimate.folder import FitFolder

_GIN = (
    "experiment.simulator = @interest_evolution()",
    "experiment.create_agent = @create_slate_q",
    "train.num_iterations = 20",
)
_ROW = {
    "iteration": 20,
    "env_steps": 160,
    "AverageEpisodeRewards/eval": 3.5,
    "StandardError/eval": 1.0,
}
_POLICY = {
    "name": "SlateQ",
    "mean_return": 3.5,
    "standard_error": 0.5,
    "mean_length": 60.0,
    "click_rate": 0.5,
    "mean_quality": None,
}
_RESULTS = {
    "policies": [{**_POLICY, "name": "Random"}, _POLICY],
    "train": {"iterations": 20, "env_steps": 160, "seconds": 2.0},
}
_FIT = {
    "estimates": {
        "users.time_budget": {"value": 1.5, "standard_error": 0.5, "low": 0.5, "high": 2.5}
    },
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
_WHAT = {"parameters": ["users.time_budget"], "search": "LBFGS"}


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and the content of the file that was damaged."""
    yield from _of_a_run(folder / "run")
    yield from _of_a_sweep(folder / "sweep")
    yield from _of_a_fit(folder / "fit")


def _of_a_run(run: Path) -> Iterator[tuple[Case, Any]]:
    text = config.load([], _GIN)
    run.mkdir()
    (run / "config.gin").write_text(text)
    line = json.dumps(_ROW).encode() + b"\n"
    metrics = run / "metrics.jsonl"

    def read_metrics():
        return RunDirectory(run).metrics()

    for what, damaged in json_damage.damaged(_ROW, [(name,) for name in ("iteration",)], 10):
        content = line + damaged.replace(b"\n", b" ") + b"\n" + line
        yield _case("metrics.jsonl", what, metrics, line, content, read_metrics), None
    for value in (b'{"iteration": 20, "env_steps": "many"}\n', b'{"iteration": 20, "CTR": []}\n'):
        yield _case("metrics.jsonl", value.decode(), metrics, line, value, read_metrics), None
    file, whole = run / "config.gin", text.encode()

    def read_config():
        recorded = RunDirectory(run, text)
        config.load([str(recorded.config_file)], [])

    for what, content in (
        ("nothing", b""),
        ("another encoding", whole + b"# \xe9\n"),
        ("UTF-16", text.encode("utf-16")),
        ("zero bytes", bytes(100)),
        ("an open bracket", whole + b"train.log_interval = (\n"),
        ("an unknown name", whole + b"no_such_name.x = 1\n"),
        ("a value less", whole.replace(b"experiment.simulator = @interest_evolution()", b"")),
        ("another value", whole.replace(b"create_slate_q", b"create_full_slate_q")),
        # How far a run goes may change.
        *(
            (f"cut after {end} bytes", whole[:end])
            for end in range(10, whole.index(b"# Parameters for train"), 20)
        ),
    ):
        yield _case("config.gin", what, file, whole, content, read_config, "root_dir"), text


def _of_a_sweep(root: Path) -> Iterator[tuple[Case, Any]]:
    variants = ({"Evaluation.num_users": 4}, {"Evaluation.num_users": 8})
    trials = plan(Sweep(variants, (), _GIN, (0,), num_processes=1, threads_per_trial=1))
    folder = SweepDirectory(str(root), trials)
    with folder.claim(Shard()):
        pass
    files = [folder.files[trial.name] for trial in trials]
    for trial, each in zip(trials, files, strict=True):
        each.prepare(trial.config)
        each.run.mkdir(parents=True)
        (each.run / "config.gin").write_text(trial.config)
        (each.run / "operative_config.gin").write_text("")
        (each.run / "metrics.jsonl").write_text(json.dumps(_ROW) + "\n")
        (each.run / "results.json").write_text(json.dumps(_RESULTS))

    def read():
        """The results; the other trial must be there in any case."""
        result = read_results(SweepDirectory(str(root), trials))
        if result.trials[1].status != "finished":
            raise AssertionError("the whole trial is not finished")
        for trial in result.trials:
            if trial.error:
                raise ToldError(trial.error)
        return [result.trials[0].status, *map(repr, result.trials[0].policies)]

    whole = read()
    file, content = root / "trials.json", {"trials": [trial.name for trial in trials]}
    for what, damaged in json_damage.damaged(content, [("trials",), ("trials", 0)], 15):
        yield _case("trials.json", what, file, _bytes(content), damaged, read), whole
    run = files[0].run
    paths = [
        *(("train",), ("policies",), ("train", "iterations"), ("policies", 1)),
        *(("policies", 0, name) for name in ("name", "mean_return", "standard_error")),
        *(("policies", 1, name) for name in ("mean_return", "standard_error")),
    ]
    for what, damaged in json_damage.damaged(_RESULTS, paths, 25):
        case = _case("results.json", what, run / "results.json", _bytes(_RESULTS), damaged, read)
        yield case, whole
    file, row = run / "metrics.jsonl", _bytes(_ROW)
    for what, damaged in json_damage.damaged(_ROW, [("iteration",)], 5):
        content = damaged.replace(b"\n", b" ") + b"\n"
        yield (
            _case("metrics.jsonl of a trial", what, file, row, content, read, "metrics.jsonl"),
            whole,
        )
    file = run / "operative_config.gin"
    yield _case("operative_config.gin", "another encoding", file, b"", b"\xe9", read), whole
    outcome = run.with_name(run.name + ".outcome.json")
    (run / "results.json").unlink()
    failed = {"status": "failed", "error": "it was too hot"}
    for what, damaged in json_damage.damaged(failed, [("status",), ("error",)], 10):
        yield _case("outcome.json", what, outcome, _bytes(failed), damaged, read), None


def _of_a_fit(folder: Path) -> Iterator[tuple[Case, Any]]:
    folder.mkdir()
    text = config.load([], ["run_fit.num_replicates = 20"])
    (folder / "config.gin").write_text(text)
    simulator = recsim_tf.interest_evolution()

    def read():
        run = RunDirectory(folder, text)
        with contextlib.redirect_stdout(io.StringIO()):
            return repr(fitting.run_fit(run, simulator, {"users.time_budget": Parameter()}, None))

    file = folder / "results.json"
    file.write_bytes(_bytes(_FIT))
    whole = read()
    paths = [(name,) for name in _FIT if name != "steps"]
    paths += [("estimates", "users.time_budget"), ("estimates", "users.time_budget", "value")]
    tables = {("estimates", "users.time_budget", "value"): list}
    for what, damaged in json_damage.damaged(_FIT, paths, 20, tables):
        yield (
            _case("results.json of a fit", what, file, _bytes(_FIT), damaged, read, "results.json"),
            whole,
        )

    def read_what():
        return FitFolder(folder, _WHAT, 1).checkpoint_interval

    file = folder / "fit.json"
    for what, damaged in json_damage.damaged(_WHAT, [("parameters",), ("search",)], 15):
        yield _case("fit.json", what, file, _bytes(_WHAT), damaged, read_what, "folder"), None


def _case(
    kind: str, what: str, file: Path, whole: bytes, content: bytes, read: Callable, also: str = ""
) -> Case:
    """Reads with other content in a file, which is whole again afterwards."""

    def run():
        file.write_bytes(content)
        try:
            return read()
        finally:
            file.write_bytes(whole)

    return Case(f"run: {kind}", what, run, (file.name, *filter(None, [also])))


def _bytes(content: Any) -> bytes:
    return (json.dumps(content) + "\n").encode()
