# SPDX-License-Identifier: Apache-2.0
"""The commands of the campaign: each of recsim-tf's, on configurations of a second or two."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from campaign.runner import Runner

_ENVIRONMENT = """
experiment.simulator = @interest_exploration()
simulate.simulator = @interest_exploration()
interest_exploration.slate_size = 2
interest_exploration.num_candidates = 4
interest_exploration.max_steps = 5
Evaluation.num_users = 6
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
"""
_LBFGS = f"""{_FIT}
fit.method = @Exact()
Exact.search = @LBFGS()
LBFGS.max_iterations = 4
LBFGS.progress = False
"""
_SIMULATED = """
run_fit.log = @simulated_log()
simulated_log.num_sessions = 10
simulated_log.num_steps = 3
run_fit.num_replicates = 20
"""
_CONFIGS = {
    # Three checkpoints, of which the first is deleted.
    "train": f"""{_ENVIRONMENT}
experiment.create_agent = @create_tabular_q
experiment.baselines = ("random",)
experiment.num_users = 4
Iteration.batch_size = 4
Iteration.replay_length = 4
train.num_iterations = 3
train.warmup_iterations = 2
train.log_interval = 1
train.eval_interval = 2
train.eval_users = 4
train.checkpoint_interval = 1
""",
    "simulate": f"""{_ENVIRONMENT}
simulate.policies = ("random",)
""",
    "compare": f"""{_ENVIRONMENT}
simulate.policies = ("random", "greedy_pctr")
Evaluation.compare = {{"users.choice_model.no_click_mass": (1.0, 2.0)}}
""",
    "lbfgs": _LBFGS,
    "posterior": f"""{_LBFGS}
run_fit.posterior = @sample_parameters
sample_parameters.sampler = @NUTS()
NUTS.num_samples = 4
NUTS.num_burnin_steps = 4
NUTS.jit_compile = False
""",
    "minibatches": f"""{_FIT}
fit.method = @Exact()
Exact.search = @Minibatches()
Minibatches.passes = 3
Minibatches.batch_size = 10
Minibatches.progress = False
Checkpoints.interval = 1
Exact.uncertainty = None
""",
    "conversation": f"""{_SIMULATED}
run_fit.simulator = @conversation()
simulated_log.simulator = @conversation()
conversation.slate_size = 2
conversation.num_candidates = 4
run_fit.parameters = {{"users.choice_model.no_click_mass": @Parameter()}}
fit.method = @Exact()
Exact.search = @LBFGS()
LBFGS.max_iterations = 3
LBFGS.progress = False
""",
    "em": f"""{_SIMULATED}
run_fit.simulator = @drifting_taste()
simulated_log.simulator = @drifting_taste()
simulated_log.num_steps = 1
simulated_log.latent = ("initial",)
drifting_taste.slate_size = 2
drifting_taste.num_candidates = 4
run_fit.parameters = {{"users.taste_loc": @Parameter()}}
fit.method = @Chains()
Chains.num_chains = 4
Chains.search = @MonteCarloEM()
MonteCarloEM.iterations = 4
MonteCarloEM.annealing = 2
MonteCarloEM.num_moves = 2
MonteCarloEM.progress = False
Checkpoints.interval = 1
Chains.uncertainty = None
""",
    "world": """
simulate.simulator = @news()
news.users_per_world = 2
news.slate_size = 2
news.max_steps = 3
simulate.policies = (@Trending, "random")
Evaluation.num_users = 4
""",
    "log": """
simulate.simulator = @interest_evolution()
interest_evolution.slate_size = 2
interest_evolution.num_candidates = 4
simulate.policies = ("random",)
simulate.log_steps = 4
Evaluation.num_users = 20
""",
    "sweep": """
sweep.gin_files = ("INPUTS/train.gin",)
sweep.trials = @grid()
grid.choices = {"experiment.num_users": (4,)}
sweep.seeds = (0, 1)
sweep.num_processes = 1
""",
}
# Of the operations of a sweep's trials, which are those of `train`, one in so many is tried.
_ONE_IN = 40
# Parts of names in which files of one kind differ, as both parts of a training's checkpoint.
_NUMBERS = re.compile(
    r"(run|replay)(?=_temp|\.data|\.index)|(?<=tempstate)\d+|(?<=tmp)[0-9a-f]{32}"
    r"|[0-9a-f]{8}(?=\.new)|tfevents.*|\d+"
)


class CommandUnderTest(NamedTuple):
    """A command of recsim-tf in a folder that may be thrown away."""

    name: str
    arguments: tuple[str, ...]  # FOLDER and INPUTS stand for folders
    begins: str = ""  # in a copy of a folder of the inputs: "trained" or "swept"
    paths: str = ""  # operations on paths that match it are tried, else all
    elsewhere: str = "(?!)"  # but those that match this, which another command tries

    def prepare(self, folder: Path, inputs: Path) -> list[str]:
        """Makes the folder, which must not exist; the arguments of the command in it."""
        if self.begins:
            shutil.copytree(inputs / self.begins, folder)
        else:
            folder.mkdir()
        return [
            argument.replace("FOLDER", str(folder)).replace("INPUTS", str(inputs))
            for argument in self.arguments
        ]

    def places(self, operations: Sequence[str]) -> list[int]:
        """The numbers of those of its file operations that are tried, from 1: of the same operation
        on files of one kind the first and the last.
        """
        alike: dict[str, list[int]] = {}
        for place, operation in enumerate(operations, start=1):
            path = operation.partition(" ")[2]
            if re.search(self.paths, path) and not re.search(self.elsewhere, path):
                alike.setdefault(kind_of(operation), []).append(place)
        chosen = sorted({places[end] for places in alike.values() for end in (0, -1)})
        of_trials = [place for place in chosen if "/trials/" in operations[place - 1]]
        left_out = {*of_trials} - {*of_trials[::_ONE_IN]}
        return [place for place in chosen if place not in left_out]


def kind_of(operation: str) -> str:
    """An operation without the numbers in the name of its file."""
    return _NUMBERS.sub("*", operation)


def _of(command: str, config: str, *more: str) -> tuple[str, ...]:
    return command, "--root_dir=FOLDER/run", f"--gin_file=INPUTS/{config}.gin", *more


_LOG = "--gin_bindings=read_episode_log.path = 'INPUTS/log.tfrecord'"
_USERS = "--gin_bindings=Evaluation.num_users = 5"
_EVALUATE = ("evaluate", "--root_dir=FOLDER/run", _USERS)
_SESSIONS = ("sessions", "--root_dir=FOLDER/run", _USERS, "--user=0")
_COMPARED = "--gin_bindings=Evaluation.compare = {'users.choice_model.no_click_mass': (1.0, 2.0)}"
_SWEEP = ("sweep", "--root_dir=FOLDER/sweep", "--sweep_file=INPUTS/sweep.gin")
# Files at the end of a sweep.
_TABLES = r"^sweep/(sweep|curves|returns|summary)\."
# When checkpoints appear and disappear.
_CHECKPOINTS = r"checkpoints/\d+(\.old\.new)?$"
# Commands with `paths` write all else as the ones above them.
_COMMANDS = (
    CommandUnderTest("train", _of("train", "train")),
    CommandUnderTest("simulate", _of("simulate", "simulate", "--episode_file=FOLDER/log.tfrecord")),
    CommandUnderTest("simulate compared", _of("simulate", "compare"), paths="png"),
    CommandUnderTest("simulate a world", _of("simulate", "world")),
    CommandUnderTest("fit by L-BFGS", _of("fit", "lbfgs", _LOG)),
    CommandUnderTest("fit by minibatches", _of("fit", "minibatches", _LOG), paths=_CHECKPOINTS),
    CommandUnderTest("fit by Monte Carlo EM", _of("fit", "em"), paths=_CHECKPOINTS),
    CommandUnderTest("fit of a conversation", _of("fit", "conversation"), paths="report|model|res"),
    CommandUnderTest("fit with a posterior", _of("fit", "posterior", _LOG), paths="posterior"),
    CommandUnderTest("evaluate", _EVALUATE, "trained"),
    CommandUnderTest("evaluate compared", (*_EVALUATE, _COMPARED), "trained"),
    CommandUnderTest("sessions", _SESSIONS, "trained"),
    CommandUnderTest(
        "sessions elsewhere",
        (*_SESSIONS, "--output=FOLDER/shown"),
        "trained",
        paths=r"^shown[^/]*$",
    ),
    CommandUnderTest("sweep", _SWEEP, elsewhere=_TABLES),
    CommandUnderTest("sweep at its end", _SWEEP, "swept", paths=_TABLES),
)


def commands(inputs: Path, runner: Runner, names: Sequence[str] = ()) -> list[CommandUnderTest]:
    """The commands of some names, or all; what they read is written into `inputs`."""
    for name, text in _CONFIGS.items():
        (inputs / f"{name}.gin").write_text(text.replace("INPUTS", str(inputs)))
    chosen = [command for command in _COMMANDS if command.name in names or not names]
    needed = []
    if any(command.name.startswith("fit") for command in chosen):
        log = _of("simulate", "log", "--episode_file=INPUTS/log.tfrecord")
        needed.append((inputs / "logged", log))
    for begins, arguments in (("trained", _of("train", "train")), ("swept", _SWEEP)):
        if any(command.begins == begins for command in chosen):
            needed.append((inputs / begins, arguments))
    for folder, arguments in needed:
        ending = runner.run(CommandUnderTest("", arguments).prepare(folder, inputs), inputs)
        if ending.code:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{ending.output}")
    return chosen
