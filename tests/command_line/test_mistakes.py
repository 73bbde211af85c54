# SPDX-License-Identifier: Apache-2.0
"""Mistakes at the command line: each is told in one line, and nothing is written."""

import pathlib
import re

import pytest

from tests.experiment.tiny_runs import refused, run_command
from tests.processes import run_python

# Words of the libraries beneath that a user need not know.
_MACHINERY = re.compile(
    r"Traceback|gin_wrapper|In call to configurable|ConfigurableReference|absl|SelectorMap"
    r"|object at 0x|InvalidArgumentError|Graph execution|autograph|\{\{node|site-packages"
)


def _is_told_in_one_line(capfd, *arguments: str) -> str:
    """Runs a command that must fail, and write no run; returns the line that it says."""
    line = refused(capfd, *arguments)
    assert not _MACHINERY.search(line), line
    assert not pathlib.Path("run").exists()
    return line


def _of_shop(folder, capfd, command, *lines: str) -> str:
    """The line about shop.gin with these further lines."""
    folder.write_gin(*lines)
    return _is_told_in_one_line(capfd, command, "--root_dir=run", "--gin_file=shop.gin")


def _rows(table: str) -> list[list[str]]:
    """The cells of a table, and what a message begins with in the last one."""
    return [row.split(" | ") for row in table.strip().splitlines()]


_ARGUMENTS = """
trian | argument COMMAND: 'trian' is not a command; did you mean train?
--versoin | argument COMMAND: '--versoin' is not a command; did you mean --version?
train --rootdir=run | the following arguments are required: --root_dir
simulate --root_dir=run --gin-file x | simulate has no option --gin-file; did you mean --gin_file?
train --root_dir | argument --root_dir: expected one argument
sessions --root_dir=run --user=1 --num_users=2 | argument --num_users: not allowed with argument
train --root_dir=run | --gin_file must name a config, such as one of conversation/
train --root_dir=run --gin_file=quikstart.gin | gin_file 'quikstart.gin' is neither a file nor one
train --root_dir=run --gin_file=shopp.gin | gin_file 'shopp.gin' is neither a file nor one of the
evaluate --root_dir=run | root_dir run must be the folder of a run, it has no config
simulate --root_dir=shop.py --gin_file=shop.gin | root_dir shop.py is a file, name a
simulate --root_dir=. --gin_file=shop.gin | root_dir . is not empty and holds no run
"""


@pytest.mark.parametrize(("arguments", "message"), _rows(_ARGUMENTS))
def test_a_mistake_in_the_arguments(folder, capfd, arguments, message):
    folder.write_shop()
    line = _is_told_in_one_line(capfd, *arguments.split())
    assert line.startswith(message)
    for wrong, right in (("quikstart.gin", "quickstart.gin"), ("shopp.gin", "shop.gin")):
        assert wrong not in arguments or line.endswith(f"did you mean {right}?")


_OPTIONS = """
--episode_file=shop.py | episode log shop.py exists, name a new file
--gin_bindings=nothing.x=1 | binding 'nothing.x=1': nothing is unknown; import the module that def
"""


@pytest.mark.parametrize(("option", "message"), _rows(_OPTIONS))
def test_a_mistake_beside_a_gin_file(folder, capfd, option, message):
    folder.write_shop()
    options = ("--root_dir=run", "--gin_file=shop.gin", option)
    assert _is_told_in_one_line(capfd, "simulate", *options).startswith(message)


_SWEEP = """
--engine=rya | argument --engine: invalid choice: 'rya'
--sweep_file=quick.gin | sweep_file 'quick.gin' is neither a file nor one of the packaged sweeps; c
--gin_bindings=sweep.trials = @grid | binding 'sweep.trials = @grid': sweep.trials must be what @gr
--gin_bindings=grid.choices = {'train.iteratoins': (1,)} | trial iteratoins=1: binding 'train.iter
"""


@pytest.mark.parametrize(("argument", "message"), _rows(_SWEEP))
def test_a_mistake_in_a_sweep(folder, capfd, argument, message):
    (folder.path / "sweep.gin").write_text(
        "sweep.trials = @grid()\nsweep.gin_files = ('quickstart.gin',)\n"
        "grid.choices = {'train.num_iterations': (1, 2)}\n"
    )
    options = ("--root_dir=run", "--sweep_file=sweep.gin", argument)
    assert _is_told_in_one_line(capfd, "sweep", *options).startswith(message)


# Of the command, or where bindings are used: what gin cannot read, what it does not know, what a
# function or class refuses that gets it, what lacks parentheses, and what a function gives.
_GIN = """
simulate | simulate.simulator = shop() | cannot read 'simulate.simulator = shop()'
simulate | simulate.simulator = | cannot read 'simulate.simulator =': values are
simulate | include 'nowhere.gin' | include 'nowhere.gin' is neither a file nor
simulate | import no_shop | no module no_shop, neither in the current folder
simulate | simulate.policis = 1 | simulate has no parameter policis; did you mean pol
train | train.x = 1 | train has no parameter x; it has num_iterations, warmup_iter
simulate | interest_evolutoin.x = 1 | interest_evolutoin is unknown; did you mean int
simulate | simulate.simulator = @shopp() | shopp is unknown; did you mean shop?
simulate | simulate.simulator = @boutique() | boutique is unknown; import the module
simulate | shop.slate_size = %size | %size has no value
simulate ie | interest_evolution.slate_size = 'four' | slate_size must be an integer of at least 1,
simulate ie | interest_evolution.slate_sise = 4 | Simulator.__init__() got an unexpected keyword ar
simulate | simulate.simulator = 'shop' | simulator must be a Simulator, got str
simulate | simulate.policies = 'random' | simulate.policies must be a tuple of names
simulate | simulate.policies = (@window, @window) | simulate.policies must differ from each other,
fit | run_fit.parameters = {'users.x': 1.0} | parameters['users.x'] must be a Parameter, got float
simulate | simulate.simulator = @shop | simulator must be a Simulator, got function shop: write sho
simulate | simulate.simulator = @make() | make() missing 1 required positional argument: 'environm
train | experiment.create_agent = @create_slate_q() | create_slate_q() missing 2 required positiona
train | create_slate_q.optimizer = @Adam() | optimizer must be a function, got Adam
train | experiment.layers = (@SwitchingCost,) | layers[0] must be a Layer, got class SwitchingCost
simulate | simulate.policies = (@no_agent,) | policy no_agent must be a function that takes the sim
train | experiment.create_agent = @no_agent | the agent of experiment.create_agent must be a TFAge
"""
_WHERE = {
    "simulate ie": "\nsimulate.simulator = @interest_evolution()",
    "fit": "\nrun_fit.simulator = @shop()\nrun_fit.log = 'log.csv'",
}


@pytest.mark.parametrize(("command", "lines", "message"), _rows(_GIN))
def test_a_mistake_in_a_gin_file_is_told_with_its_line(folder, capfd, command, lines, message):
    folder.write_shop()
    line = _of_shop(folder, capfd, command.split()[0], lines + _WHERE.get(command, ""))
    assert line.startswith(f"shop.gin, line 8: {message}"), line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("simulate.policis = 1", "simulate has no parameter policis; did you mean policies?"),
        (
            "interest_evolution.slate_sise = 4",
            "interest_evolution has no parameter slate_sise; did you mean slate_size?",
        ),
        ("wall.heigth = 4\nsimulate.policis = 1", "simulate has no parameter policis; did you"),
    ],
)
def test_a_mistake_below_arguments_that_a_factory_hands_on(folder, capfd, line, message):
    folder.write_shop()
    (folder.path / "wall.py").write_text(
        "import gin\n@gin.configurable\ndef wall(**options: dict[str, int]):\n    return options\n"
    )
    told = _of_shop(
        folder,
        capfd,
        "simulate",
        "import wall",
        "include 'interest_evolution/_environment.gin'",
        line,
        *(["simulate.policies = (@no_policy,)"] if "policis" not in line else []),
    )
    assert re.match(rf"shop.gin, line \d+: {re.escape(message)}", told), told


@pytest.mark.parametrize(
    "part", ["simulate.simulator", "experiment.simulator", "run_fit.simulator"]
)
def test_a_part_that_is_missing_is_named(folder, capfd, part):
    (folder.path / "empty.gin").touch()
    command = {"experiment": "train", "run_fit": "fit"}.get(part.split(".")[0], "simulate")
    line = _is_told_in_one_line(capfd, command, "--root_dir=run", "--gin_file=empty.gin")
    assert line.startswith(f"{part} must be bound, such as {part} = @"), line


_FACTORY = "    return recsim_tf.Simulator(Shoppers(), Goods(), slate_size, num_candidates=5)"
_SCORES = "        scores = -tf.abs(slate.documents - state[:, tf.newaxis])"
_SLATE = "        slate = start + tf.range(simulator.slate_size)[tf.newaxis]"
_SHOWN = "        return tf.repeat(slate, observation.user.shape[0], axis=0), policy_state"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import gin\n", "import gni\n", "ModuleNotFoundError: No module named 'gni'"),
        ("class Goods(", "class Goods)", "SyntaxError: "),
        ("class Goods(", "exit(3)\nclass Goods(", "SystemExit: 3"),
        (_FACTORY, "    return recsim_tf.Simulato()", "AttributeError: "),
        (_FACTORY, "    return {}['shop']", "KeyError: 'shop'"),
        (_FACTORY, _FACTORY.replace("slate_size", "9"), "slate_size must be in [1, num_candida"),
        (_FACTORY, _FACTORY.replace("slate_size", "slates=2"), "Simulator.__init__() got an unexp"),
        (_SCORES, "        scores = slate.docs", "AttributeError: 'Slate' object has no attri"),
        (
            _SCORES,
            "        scores = tf.zeros([3]) + tf.zeros([2])",
            "Incompatible shapes: [3] vs. [2]",
        ),
        (_SLATE, "        slate = observation.docs", "AttributeError: 'Observation' object"),
    ],
)
def test_a_fault_in_a_module_is_told_with_its_line(folder, capfd, old, new, message):
    line_number = folder.write_shop(old, new)
    line = _of_shop(folder, capfd, "simulate", "simulate.policies = (@window,)")
    # The check names the method too.
    line = re.sub(r"^Shoppers\.\w+: ", "", line)
    assert line.startswith(f"shop.py, line {line_number}: {message}"), line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (_FACTORY, "    pass", "shop.gin, line 2: simulator must be a Simulator, got NoneType"),
        (
            "    return act",
            "",
            "policy window must be a function that takes the simulator and returns a policy, got"
            " None in place of the policy",
        ),
        (
            _SHOWN,
            "        return tf.repeat(slate, 2, axis=0)",
            "policy window must return (action, policy_state), got ",
        ),
        # TensorFlow finds it when the graph runs.
        (
            _SHOWN,
            "        return tf.fill([2, 2], 7), policy_state",
            "policy window: slate must hold candidate positions in [0, 5), or -1",
        ),
    ],
)
def test_what_a_function_of_a_module_returns(folder, capfd, old, new, message):
    folder.write_shop(old, new)
    line = _of_shop(folder, capfd, "simulate", "simulate.policies = (@window,)")
    assert line.removeprefix("shop.gin, line 8: ").startswith(message), line


def test_the_trace_of_an_error_is_shown_on_request(folder, capfd, monkeypatch):
    folder.write_shop(_FACTORY, "    return foo")
    monkeypatch.setenv("RECSIM_TF_TRACEBACK", "1")
    code, _, errors = run_command(capfd, "simulate", "--root_dir=run", "--gin_file=shop.gin")
    assert code == 2
    assert errors.startswith("Traceback (most recent call last):")
    assert re.search(r"\nrecsim-tf: error: shop.py, line \d+: NameError: [^\n]*\n$", errors)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--version"], 0),
        (["train", "--help"], 0),
        (["trian"], 2),
        (["train", "--root_dir=run", "--gin_file=nowhere.gin"], 2),
    ],
)
def test_the_command_line_itself_is_answered_without_tensorflow(arguments, code):
    # The module is run as a user runs it; an import of TensorFlow would be an error.
    program = (
        "import runpy, sys; sys.modules['tensorflow'] = None;"
        " runpy.run_module('recsim_tf', run_name='__main__', alter_sys=True)"
    )
    process = run_python("-c", program, *arguments)
    assert process.returncode == code
    assert "Traceback" not in process.stderr
    assert process.stdout or process.stderr
