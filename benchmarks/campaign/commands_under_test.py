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
fit.search = @LBFGS()
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
fit.search = @Minibatches()
Minibatches.passes = 3
Minibatches.batch_size = 10
Minibatches.progress = False
Checkpoints.interval = 1
fit.uncertainty = None
""",
    "conversation": f"""{_SIMULATED}
run_fit.simulator = @conversation()
simulated_log.simulator = @conversation()
conversation.slate_size = 2
conversation.num_candidates = 4
run_fit.parameters = {{"users.choice_model.no_click_mass": @Parameter()}}
fit.search = @LBFGS()
LBFGS.max_iterations = 3
LBFGS.progress = False
""",
    "em": f"""{_SIMULATED}
run_fit.simulator = @drifting_taste()
simulated_log.simulator = @drifting_taste()
simulated_log.latent = ("initial",)
drifting_taste.slate_size = 2
drifting_taste.num_candidates = 4
run_fit.parameters = {{"users.taste_loc": @Parameter()}}
fit.likelihood = @Chains()
Chains.num_chains = 4
fit.search = @MonteCarloEM()
MonteCarloEM.iterations = 4
MonteCarloEM.num_moves = 2
MonteCarloEM.progress = False
Checkpoints.interval = 1
fit.uncertainty = None
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
_ONE_IN = 20
# Parts of names in which files of one kind differ.
_NUMBERS = re.compile(r"(?<=tempstate)\d+|(?<=tmp)[0-9a-f]{32}|[0-9a-f]{8}(?=\.new)|tfevents.*|\d+")


class CommandUnderTest(NamedTuple):
    """A command of recsim-tf in a folder that may be thrown away."""

    name: str
    arguments: tuple[str, ...]  # FOLDER and INPUTS stand for folders
    begins_trained: bool = False  # in a copy of the folder of a finished training
    paths: str = ""  # operations on paths that match it are tried, else all

    def prepare(self, folder: Path, inputs: Path) -> list[str]:
        """Makes the folder, which must not exist; the arguments of the command in it."""
        if self.begins_trained:
            shutil.copytree(inputs / "trained", folder)
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
            if re.search(self.paths, operation.partition(" ")[2]):
                alike.setdefault(_NUMBERS.sub("*", operation), []).append(place)
        chosen = sorted({places[end] for places in alike.values() for end in (0, -1)})
        of_trials = [place for place in chosen if "/trials/" in operations[place - 1]]
        return [
            place for place in chosen if place not in of_trials or place in of_trials[::_ONE_IN]
        ]


def _of(command: str, config: str, *more: str) -> tuple[str, ...]:
    return command, "--root_dir=FOLDER/run", f"--gin_file=INPUTS/{config}.gin", *more


_LOG = "--gin_bindings=read_episode_log.path = 'INPUTS/log.tfrecord'"
_EVALUATE = ("evaluate", "--root_dir=FOLDER/run", "--gin_bindings=Evaluation.num_users = 5")
_COMPARED = "--gin_bindings=Evaluation.compare = {'users.choice_model.no_click_mass': (1.0, 2.0)}"
_COMMANDS = (
    CommandUnderTest("train", _of("train", "train")),
    CommandUnderTest("simulate", _of("simulate", "simulate", "--episode_file=FOLDER/log.tfrecord")),
    CommandUnderTest("simulate compared", _of("simulate", "compare")),
    CommandUnderTest("simulate a world", _of("simulate", "world")),
    CommandUnderTest("fit by L-BFGS", _of("fit", "lbfgs", _LOG)),
    CommandUnderTest("fit by minibatches", _of("fit", "minibatches", _LOG)),
    CommandUnderTest("fit by Monte Carlo EM", _of("fit", "em")),
    CommandUnderTest("fit of a conversation", _of("fit", "conversation")),
    # Slow; all else that it writes is as without.
    CommandUnderTest("fit with a posterior", _of("fit", "posterior", _LOG), paths="posterior"),
    CommandUnderTest("evaluate", _EVALUATE, begins_trained=True),
    CommandUnderTest("evaluate compared", (*_EVALUATE, _COMPARED), begins_trained=True),
    CommandUnderTest("sessions", ("sessions", *_EVALUATE[1:], "--user=0"), begins_trained=True),
    CommandUnderTest(
        "sessions elsewhere",
        ("sessions", *_EVALUATE[1:], "--user=0", "--output=FOLDER/shown"),
        begins_trained=True,
    ),
    CommandUnderTest(
        "sweep", ("sweep", "--root_dir=FOLDER/sweep", "--sweep_file=INPUTS/sweep.gin")
    ),
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
    if any(command.begins_trained for command in chosen):
        needed.append((inputs / "trained", _of("train", "train")))
    for folder, arguments in needed:
        ending = runner.run(CommandUnderTest("", arguments).prepare(folder, inputs), inputs)
        if ending.code:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{ending.output}")
    return chosen
