"""Mistakes at the command line: each is told in one line, and nothing is written."""

import re

import pytest

from tests.experiment.tiny_runs import run_command
from tests.processes import run_python

# Words of the libraries beneath that a user need not know.
_MACHINERY = re.compile(
    r"Traceback|gin_wrapper|In call to configurable|ConfigurableReference|absl|SelectorMap"
    r"|object at 0x|InvalidArgumentError|Graph execution|autograph|AutoGraph|\{\{node"
    r"|site-packages|\.py\", line"
)


def _is_told_in_one_line(capfd, *arguments: str) -> str:
    """Runs a command that must fail; returns the line that it says."""
    code, output, errors = run_command(capfd, *arguments)
    assert (code, output) == (2, ""), errors
    assert errors.count("\n") == 1, errors
    assert errors.startswith("recsim-tf: error: ")
    assert not _MACHINERY.search(errors), errors
    return errors.removeprefix("recsim-tf: error: ").rstrip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "argument COMMAND: 'trian' is not a command; did you mean train?"),
        (["Simulate"], "argument COMMAND: 'Simulate' is not a command; did you mean simulate?"),
        (["--versoin"], "argument COMMAND: '--versoin' is not a command; did you mean --version?"),
        (
            ["--root_dir=run", "train"],
            "argument COMMAND: '--root_dir=run' is not a command; choose one of train, evaluate,"
            " sessions, simulate, fit, sweep, --help, --version",
        ),
        (["train", "--rootdir=run"], "train has no option --rootdir; did you mean --root_dir?"),
        (
            ["simulate", "--root_dir=run", "--gin-file", "shop.gin"],
            "simulate has no option --gin-file; did you mean --gin_file?",
        ),
        (["fit", "-root_dir", "run"], "fit has no option -root_dir; did you mean --root_dir?"),
        (
            ["sweep", "--root_dir=run", "--dryrun"],
            "sweep has no option --dryrun; did you mean --dry_run?",
        ),
        (
            ["fit", "--root_dir=run", "--user=3"],
            "fit has no option --user; choose one of --help, --root_dir, --gin_file,"
            " --gin_bindings",
        ),
        (["train", "run"], "the following arguments are required: --root_dir"),
        (["train", "--root_dir"], "argument --root_dir: expected one argument"),
        (["train", "--root_dir=run", "more"], "unrecognized arguments: more"),
        (
            ["evaluate", "--root_dir=run", "--watch_timeout=long"],
            "argument --watch_timeout: invalid float value: 'long'",
        ),
        (
            ["evaluate", "--root_dir=run", "--watch", "--watch_timeout", "-5"],
            "root_dir run must be the folder of a run, it has no config.gin",
        ),
        (
            ["simulate", "--root_dir=shop.py", "--gin_file=shop.gin"],
            "root_dir shop.py is a file, name a folder",
        ),
        (
            ["simulate", "--root_dir=.", "--gin_file=shop.gin"],
            "root_dir . is not empty and holds no run (no config.gin): name a new or empty folder",
        ),
        (
            ["simulate", "--root_dir=shop.py/run", "--gin_file=shop.gin"],
            "root_dir shop.py/run cannot be created: Not a directory",
        ),
        (
            ["simulate", "--root_dir=run", "--gin_file=shop.gin", "--episode_file=shop.py"],
            "episode log shop.py exists, name a new file",
        ),
    ],
)
def test_a_mistake_in_the_arguments(folder, capfd, arguments, message):
    folder.write_shop()
    assert _is_told_in_one_line(capfd, *arguments) == message
    assert not (folder.path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard=2/2"], "--shard must be i/n with 0 <= i < n, such as 0/2, got '2/2'"),
        (["--shard=half"], "--shard must be i/n with 0 <= i < n, such as 0/2, got 'half'"),
        (["--engine=rya"], "argument --engine: invalid choice: 'rya' "),
        (["--ray_address=x:1"], "--ray_address is an option of --engine=ray, got --engine=local"),
        (
            ["--gin_bindings=sweep.trials = @grid"],
            "sweep.trials must be a tuple, got the function grid: write @grid() with parentheses",
        ),
        (["--gin_bindings=sweep.seeds = 3"], "sweep.seeds must be a tuple, got 3"),
        (["--gin_bindings=sweep.seeds = ('a',)"], "sweep.seeds[0] must be an integer, got 'a'"),
        (
            ["--gin_bindings=grid.choices = {'train.num_iteratoins': (1, 2)}"],
            "trial num_iteratoins=1: gin configuration: train has no parameter num_iteratoins; did"
            " you mean num_iterations?, in 'train.num_iteratoins = 1'",
        ),
        (
            ["--gin_bindings=grid.choices = {'train.num_iterations': ('many',)}"],
            "trial num_iterations=many: train.num_iterations must be an integer, got 'many'",
        ),
    ],
)
def test_a_mistake_in_a_sweep(folder, capfd, arguments, message):
    (folder.path / "sweep.gin").write_text(
        "sweep.trials = @grid()\nsweep.gin_files = ('quickstart.gin',)\n"
        "grid.choices = {'train.num_iterations': (1, 2)}\n"
    )
    line = _is_told_in_one_line(
        capfd, "sweep", "--root_dir=run", "--sweep_file=sweep.gin", *arguments
    )
    assert line.startswith(message)
    assert not (folder.path / "run").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("simulate.policis = 1", "simulate has no parameter policis; did you mean policies?"),
        ("train.x = 1", "train has no parameter x; it has num_iterations, warmup_iterations,"),
        ("interest_evolutoin.x = 1", "interest_evolutoin is unknown; did you mean interest_ev"),
        (
            "simulate.simulator = @boutique()",
            "boutique is unknown; import the module that defines it",
        ),
        ("simulate.simulator = shop()", "shop is no value: write a string in quotes, and @shop "),
        ("simulate.simulator @shop()", "Couldn't parse statement, expected ':' or '='"),
        ("simulate.simulator =", "Unable to parse value"),
        ("include 'nowhere.gin'", "Unable to open file: nowhere.gin"),
        ("include 'half.gin'", ""),
        ("import no_shop", "No module named 'no_shop', neither in the current folder nor among"),
        ("fit.method = 'lbfgs'", "fit.method is now fit.search = @LBFGS() or @Minibatches()"),
    ],
)
def test_a_mistake_in_a_gin_file_is_told_with_its_line(folder, capfd, lines, message):
    folder.write_shop()
    (folder.path / "half.gin").write_text("simulate.policies = (")
    folder.write_gin(lines)
    line = _is_told_in_one_line(capfd, "simulate", "--root_dir=run", "--gin_file=shop.gin")
    assert line.startswith(f"shop.gin, line 8: {message}"), line
    assert not (folder.path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            "gin_file 'shop.gin' is neither a file nor one of the packaged configs: conversation/",
        ),
        (b"\xff\xfe\x00", "shop.gin: 'utf-8' codec can't decode byte 0xff in position 0"),
        (b"simulate.policies = ('random',\n", "shop.gin, line "),
    ],
)
def test_a_gin_file_that_cannot_be_read(folder, capfd, content, message):
    if content is not None:
        (folder.path / "shop.gin").write_bytes(content)
    line = _is_told_in_one_line(capfd, "simulate", "--root_dir=run", "--gin_file=shop.gin")
    assert line.startswith(message), line


@pytest.mark.parametrize(
    ("command", "binding", "message"),
    [
        (
            "simulate",
            "simulate.simulator = @shop",
            "simulate.simulator must be a Simulator, got the function shop: write @shop() with"
            " parentheses",
        ),
        (
            "simulate",
            "simulate.simulator = 'shop'",
            "simulate.simulator must be a Simulator, got 'shop'",
        ),
        (
            "simulate",
            "simulate.simulator = @make()",
            "simulate.simulator must be a Simulator, got @make() without a value for"
            " make.environment_id",
        ),
        (
            "simulate",
            "simulate.simulator = @make()\nmake.environment_id = 'Shop-v1'",
            "environment_id must be one of Conversation-v0, ",
        ),
        (
            "simulate",
            "simulate.simulator = @Evaluation()",
            "simulate.simulator must be a Simulator, got @Evaluation(), which gives an Evaluation",
        ),
        (
            "simulate",
            "interest_evolution.slate_size = 'four'",
            "interest_evolution.slate_size must be an integer, got 'four'",
        ),
        (
            "simulate",
            "size = 'four'\nSimulator.num_candidates = %size",
            "Simulator.num_candidates must be an integer, got 'four'",
        ),
        (
            "simulate",
            "interest_evolution.slate_size = %size",
            "gin configuration: %size has no value",
        ),
        ("simulate", "Evaluation.num_users = 2.5", "Evaluation.num_users must be an intege"),
        ("simulate", "Evaluation.num_users = 1", "num_users must be at least 2"),
        ("simulate", "Evaluation.seeds = 3", "Evaluation.seeds must be a tuple or None, got 3"),
        (
            "simulate",
            "Evaluation.compare = {'users.patience': (1.0, 2.0)}",
            "values: Shoppers has no parameter patience; its parameters are none; for other",
        ),
        (
            "simulate",
            "simulate.policies = ('best',)",
            "baseline must be one of random, myopic, ",
        ),
        (
            "simulate",
            "simulate.policies = ('ucb1',)",
            "observed documents must have the fields cluster_id, quality, got",
        ),
        ("simulate", "simulate.policies = 'random'", "simulate.policies must be a tuple, got"),
        ("simulate", "simulate.policies = ()", "simulate.policies must hold at least one policy"),
        (
            "simulate",
            "simulate.policies = (3,)",
            "simulate.policies[0] must be a string or a function, got 3",
        ),
        (
            "simulate",
            "simulate.policies = (@window(),)",
            "simulate.policies[0] must be a string or a function, got @window(): write"
            " @window without parentheses",
        ),
        (
            "simulate",
            "simulate.policies = (@window, @window)",
            "simulate.policies must hold policies of different names, got window twice",
        ),
        (
            "simulate",
            "simulate.policies = (@no_agent,)",
            "policy no_agent must be a function that takes the simulator and returns a policy:"
            " no_agent() missing 1 required positional argument: 'train_step_counter'",
        ),
        (
            "train",
            "experiment.create_agent = @create_slate_q()",
            "experiment.create_agent must be a function, got @create_slate_q(): write"
            " @create_slate_q without parentheses",
        ),
        (
            "train",
            "experiment.create_agent = @no_agent",
            "the agent of experiment.create_agent must be a TFAgent, got None",
        ),
        (
            "train",
            "create_slate_q.optimizer = @Adam()",
            "create_slate_q.optimizer must be a function, got @Adam(): write @Adam without",
        ),
        (
            "train",
            "experiment.layers = (@SwitchingCost,)",
            "experiment.layers[0] must be a Layer, got the class SwitchingCost: write"
            " @SwitchingCost()",
        ),
        ("train", "experiment.num_users = 0", "experiment.num_users must be at least 1, got 0"),
        ("train", "train.num_iterations = None", "train.num_iterations must be an integer, got"),
        (
            "fit",
            "run_fit.log = 'log.csv'",
            "the configuration must give a value to run_fit.simulator, run_fit.parameters",
        ),
        (
            "fit",
            "run_fit.log = 'log.csv'\nrun_fit.simulator = @shop()\nrun_fit.parameters = {}",
            "run_fit.log must be a SessionLog, a SessionStream or what a reader gives, got st",
        ),
        (
            "fit",
            "run_fit.parameters = {'users.patience': 1.0}",
            "run_fit.parameters['users.patience'] must be a Parameter, got 1.0",
        ),
        (
            "fit",
            "fit.search = @LBFGS",
            "fit.search must be a Search or None, got the class LBFGS: write @LBFGS",
        ),
    ],
)
def test_a_wrong_value(folder, capfd, command, binding, message):
    folder.write_shop()
    folder.write_gin(binding)
    line = _is_told_in_one_line(capfd, command, "--root_dir=run", "--gin_file=shop.gin")
    assert line.startswith(message), line
    assert not (folder.path / "run").exists()


_FACTORY = "    return recsim_tf.Simulator(Shoppers(), Goods(), slate_size, num_candidates=5)"
_SCORES = "        scores = -tf.abs(slate.documents - state[:, tf.newaxis])"
_UPDATE = "        return state\n\n    def departure"
_SLATE = "        slate = start + tf.range(simulator.slate_size)[tf.newaxis]"
_SHOWN = "        return tf.repeat(slate, observation.user.shape[0], axis=0), policy_state"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import gin\n", "import gni\n", "ModuleNotFoundError: No module named 'gni'"),
        ("class Goods(", "class Goods)", "SyntaxError: "),
        ("class Goods(", "exit(3)\nclass Goods(", "SystemExit: 3"),
        ("class Goods(", "start = foo\nclass Goods(", "NameError: name 'foo' is not defined"),
        (_FACTORY, "    return recsim_tf.Simulato()", "AttributeError: "),
        (_FACTORY, "    return {}['shop']", "KeyError: 'shop'"),
        (_FACTORY, "    assert slate_size == 3", "AssertionError"),
        (_FACTORY, _FACTORY.replace("slate_size", "9"), "slate_size must be in [1, num_candida"),
        (_FACTORY, _FACTORY.replace("slate_size", "slates=2"), "TypeError: "),
        (_FACTORY, _FACTORY.replace("Goods()", "Good()"), "NameError: name 'Good' is not defined"),
        (_SCORES, "        scores = slate.docs", "AttributeError: 'Slate' object has no attri"),
        (
            _SCORES,
            "        scores = tf.zeros([3]) + tf.zeros([2])",
            "Incompatible shapes: [3] vs. [2]",
        ),
        (_SCORES, "        scores = state + tf.range(2)", "cannot compute AddV2"),
        (_SCORES, "        scores = float(slate)", "TypeError: "),
        (
            _SCORES,
            "        scores = tf.debugging.check_numerics(slate.documents / 0.0, 'scores')",
            "scores : Tensor had Inf values",
        ),
        (
            _UPDATE,
            "        return tf.keras.layers.Dense(1)(state)\n\n    def departure",
            'ValueError: Input 0 of layer "dense',
        ),
        (_UPDATE, "        return state / (1 / 0)\n\n    def departure", "ZeroDivisionError: "),
        (
            _UPDATE,
            "        return tf.function(lambda: state + foo)()\n\n    def departure",
            "NameError: name 'foo' is not defined",
        ),
        (_SLATE, "        slate = observation.docs", "AttributeError: 'Observation' object"),
    ],
)
def test_a_fault_in_a_module_is_told_with_its_line(folder, capfd, old, new, message):
    line_number = folder.write_shop(old, new)
    folder.write_gin("simulate.policies = (@window,)")
    line = _is_told_in_one_line(capfd, "simulate", "--root_dir=run", "--gin_file=shop.gin")
    # The check names the method too.
    line = re.sub(r"^Shoppers\.\w+: ", "", line)
    assert line.startswith(f"shop.py, line {line_number}: {message}"), line
    assert not (folder.path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            _FACTORY,
            "    pass",
            "simulate.simulator must be a Simulator, got None from @shop(), which returns nothing",
        ),
        (
            "    return act",
            "",
            "policy window must be a function that takes the simulator and returns a policy, got"
            " None in place of the policy",
        ),
        (
            "def window(simulator, start=0)",
            "def window()",
            "policy window must be a function that takes the simulator and returns a policy:"
            " window() takes 0 positional arguments but 1 was given",
        ),
        (
            _SHOWN,
            "        return tf.repeat(slate, 2, axis=0)",
            "policy window must return (action, policy_state), got ",
        ),
        (
            _SHOWN,
            "        return tf.zeros([2, 2]), policy_state",
            "policy window: slate must have dtype int32 or int64, got float32",
        ),
        (
            _SHOWN,
            "        return tf.zeros([2, 4], tf.int32), policy_state",
            "policy window: slate must have shape [2, k] with k <= slate_size=2, got (2, 4)",
        ),
        (
            _SHOWN,
            "        return tf.fill([2, 2], 7), policy_state",
            "policy window: slate must hold candidate positions in [0, 5), or -1",
        ),
        (
            _SHOWN,
            "        return tf.repeat(slate, 2, axis=0), 1",
            "policy window must return a policy_state like the one that it was given, (), got ",
        ),
    ],
)
def test_what_a_function_of_a_module_returns(folder, capfd, old, new, message):
    folder.write_shop(old, new)
    folder.write_gin("simulate.policies = (@window,)")
    line = _is_told_in_one_line(capfd, "simulate", "--root_dir=run", "--gin_file=shop.gin")
    assert line.startswith(message), line
    assert not (folder.path / "run").exists()


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
        (["--help"], 0),
        (["--version"], 0),
        (["train", "--help"], 0),
        (["trian"], 2),
        (["train", "--rootdir=x"], 2),
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
