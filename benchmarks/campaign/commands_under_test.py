"""The commands of the campaign: each of recsim-tf's, on configurations of a second or two."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from campaign.runner import Runner

_ENVIRONMENT = """
experiment.simulator = @interest_exploration()
simulate.simulator = @interest_exploration()
interest_exploration.slate_size = 2
interest_exploration.num_candidates = 4
interest_exploration.max_steps = 5
Evaluation.num_users = 6
"""
# Three checkpoints, of which the first is deleted.
_TRAIN = f"""{_ENVIRONMENT}
experiment.create_agent = @create_tabular_q
experiment.baselines = ("random",)
experiment.num_users = 4
experiment.batch_size = 4
experiment.replay_length = 4
train.num_iterations = 3
train.warmup_iterations = 2
train.log_interval = 1
train.eval_interval = 2
train.eval_users = 4
train.checkpoint_interval = 1
"""
_SIMULATE = f"""{_ENVIRONMENT}
simulate.policies = ("random",)
"""
_COMPARE = f"""{_ENVIRONMENT}
simulate.policies = ("random", "greedy_pctr")
Evaluation.compare = {{"users.choice_model.no_click_mass": (1.0, 2.0)}}
"""
_FIT = """
run_fit.simulator = @interest_evolution()
interest_evolution.slate_size = 2
interest_evolution.num_candidates = 4
run_fit.parameters = {"users.choice_model.no_click_mass": @Parameter()}
Parameter.start = 1.5
run_fit.log = @read_episode_log()
read_episode_log.simulator = @interest_evolution()
run_fit.num_replicates = 20
fit.progress = False
fit.jit_compile = False
"""
_LBFGS = f"""{_FIT}
fit.search = @LBFGS()
LBFGS.max_iterations = 4
"""
_POSTERIOR = f"""{_LBFGS}
run_fit.posterior = True
sample_parameters.num_samples = 4
sample_parameters.num_burnin_steps = 4
sample_parameters.jit_compile = False
"""
_MINIBATCHES = f"""{_FIT}
fit.search = @Minibatches()
Minibatches.passes = 3
Minibatches.batch_size = 10
fit.checkpoint_interval = 1
fit.uncertainty = None
"""
_LOG = """
simulate.simulator = @interest_evolution()
interest_evolution.slate_size = 2
interest_evolution.num_candidates = 4
simulate.policies = ("random",)
simulate.log_steps = 4
Evaluation.num_users = 20
"""
_SWEEP = """
sweep.gin_files = ("{train}",)
sweep.trials = @grid()
grid.choices = {{"experiment.num_users": (4,)}}
sweep.seeds = (0, 1)
sweep.num_processes = 1
"""
_ENDLESS = 10**9
# Of the operations of a sweep's trials, which are those of `train`, one in so many is tried.
_ONE_IN = 6


class CommandUnderTest(NamedTuple):
    """A command of recsim-tf in a folder that may be thrown away."""

    name: str
    arguments: Callable[[Path], list[str]]  # in a folder
    finished: Path | None = None  # a folder that it begins with a copy of
    endless: tuple[str, ...] = ()  # more arguments, with which it has no end
    paths: str = ""  # operations on paths that match it are tried, else all

    def prepare(self, folder: Path) -> None:
        """Makes the folder, which must not exist."""
        if self.finished is None:
            folder.mkdir()
        else:
            shutil.copytree(self.finished, folder)

    def places(self, operations: Sequence[str]) -> list[int]:
        """The numbers of those of its file operations that are tried, from 1."""
        chosen, of_trials = [], 0
        for place, operation in enumerate(operations, start=1):
            _, _, path = operation.partition(" ")
            of_trials += "/trials/" in path
            if re.search(self.paths, path) and not ("/trials/" in path and of_trials % _ONE_IN):
                chosen.append(place)
        return chosen


def _binding(name: str, value: Any) -> str:
    return f"--gin_bindings={name} = {value!r}"


def commands(inputs: Path, runner: Runner, names: Sequence[str] = ()) -> list[CommandUnderTest]:
    """The commands of some names, or all; what they read is written into `inputs`."""
    texts = {
        "train": _TRAIN,
        "simulate": _SIMULATE,
        "compare": _COMPARE,
        "lbfgs": _LBFGS,
        "minibatches": _MINIBATCHES,
        "posterior": _POSTERIOR,
        "log": _LOG,
        "sweep": _SWEEP.format(train=inputs / "train.gin"),
    }
    for name, text in texts.items():
        (inputs / f"{name}.gin").write_text(text)
    log, trained = inputs / "log.tfrecord", inputs / "trained"

    def of(command, config, *more):
        return lambda folder: [
            command,
            f"--root_dir={folder / 'run'}",
            f"--gin_file={inputs / config}.gin",
            *(option.replace("{folder}", str(folder)) for option in more),
        ]

    fit = _binding("read_episode_log.path", str(log))
    again = _binding("Evaluation.num_users", 5)
    compared = _binding("Evaluation.compare", {"users.choice_model.no_click_mass": (1.0, 2.0)})
    endless_sessions = (
        _binding("interest_exploration.max_steps", None),
        _binding("Evaluation.max_steps", _ENDLESS),
    )

    def evaluate(*bindings):
        return lambda folder: ["evaluate", f"--root_dir={folder / 'run'}", *bindings]

    def sweep(folder):
        return [
            "sweep",
            f"--root_dir={folder / 'sweep'}",
            f"--sweep_file={inputs / 'sweep.gin'}",
        ]

    every = [
        CommandUnderTest(
            "train", of("train", "train"), endless=(_binding("train.num_iterations", _ENDLESS),)
        ),
        CommandUnderTest(
            "simulate",
            of("simulate", "simulate", "--episode_file={folder}/log.tfrecord"),
            endless=endless_sessions,
        ),
        CommandUnderTest("simulate compared", of("simulate", "compare")),
        CommandUnderTest("fit by L-BFGS", of("fit", "lbfgs", fit)),
        CommandUnderTest(
            "fit by minibatches",
            of("fit", "minibatches", fit),
            endless=(_binding("Minibatches.passes", _ENDLESS),),
        ),
        # Slow; all else that it writes is as without.
        CommandUnderTest("fit with a posterior", of("fit", "posterior", fit), paths="posterior"),
        CommandUnderTest("evaluate", evaluate(again), trained, endless_sessions),
        CommandUnderTest("evaluate compared", evaluate(again, compared), trained),
        CommandUnderTest(
            "sweep",
            sweep,
            endless=(_binding("sweep.gin_bindings", ("train.num_iterations=1000000000",)),),
        ),
    ]
    chosen = [command for command in every if command.name in names or not names]
    needed = []
    if any(command.name.startswith("fit") for command in chosen):
        needed.append(of("simulate", "log", f"--episode_file={log}")(inputs / "logged"))
    if any(command.finished for command in chosen):
        needed.append(of("train", "train")(trained))
    for arguments in needed:
        ending = runner.run(arguments, inputs)
        if ending.code:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{ending.output}")
    return chosen
