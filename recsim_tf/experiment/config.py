"""Gin files by path or packaged name, and the names that they may use."""

import contextlib
import difflib
import importlib.resources
import inspect
import re
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

import gin
import tensorflow as tf
from absl import logging
from tensorflow_probability import distributions as tfd

# Imported for the names that they give to gin files.
from recsim_tf import policies, registry  # noqa: F401
from recsim_tf.errors import at, one_line, place, told
from recsim_tf.experiment import fitting  # noqa: F401
from recsim_tf.experiment.binding_types import check_bindings
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.fitting import logs
from recsim_tf.gin_scope import known_names

# Without TF-Agents there are no agents; to fit models none are needed.
with contextlib.suppress(ModuleNotFoundError):
    from recsim_tf.agents import (  # noqa: F401
        bandits,
        full_slate_q,
        layers,
        reinforce,
        slate_q,
        tabular_q,
    )
    from recsim_tf.experiment import commands  # noqa: F401

_EXTERNAL = {
    "keras": (
        tf.keras.optimizers.Adam,
        tf.keras.optimizers.SGD,
        tf.keras.optimizers.RMSprop,
        tf.keras.optimizers.schedules.CosineDecay,
        tf.keras.optimizers.schedules.ExponentialDecay,
        tf.keras.optimizers.schedules.PolynomialDecay,
    ),
    "tfd": (
        tfd.Beta,
        tfd.Exponential,
        tfd.Gamma,
        tfd.HalfNormal,
        tfd.LogNormal,
        tfd.Normal,
        tfd.Uniform,
    ),
    "recsim_tf": (logs.from_table, logs.page_log, logs.read_movielens, logs.read_open_bandit),
}
for _module, _configurables in _EXTERNAL.items():
    for _configurable in _configurables:
        gin.external_configurable(_configurable, module=_module)


_PACKAGED = Path(str(importlib.resources.files("recsim_tf.configs")))
# For `include` statements.
gin.add_config_file_search_path(str(_PACKAGED))

# Names of earlier versions, of configurables or of their parameters, and what replaces them.
RENAMED = {
    "cluster": "devices",
    "compiled": "experiment.jit_compile, Evaluation.jit_compile or fit.jit_compile",
    "create_bandit_over_clusters": "create_bandit",
    "create_bandit_over_documents": "create_bandit, with create_bandit.arms = @DocumentArms",
    "create_baseline": "simulate.policies, with recsim-tf simulate",
    "episode_log": "read_episode_log",
    "prefers_xla": "experiment.jit_compile, Evaluation.jit_compile or fit.jit_compile",
    "ray_engine": "RayEngine",
    "DriftingTasteUsers.no_click_mass": "MultinomialLogit.no_click_mass",
    "Evaluation.values": "Evaluation.compare",
    "FullSlateQAgent.epsilon": "Exploration.epsilon",
    "FullSlateQAgent.eval_epsilon": "Exploration.eval_epsilon",
    "InterestEvolutionUsers.attention_prob": "that of the cascade in InterestEvolutionUsers"
    ".choice_model, as ExponentialCascade.attention_prob",
    "InterestEvolutionUsers.min_normalizer": "MultinomialProportional.min_normalizer",
    "InterestEvolutionUsers.no_click_mass": "MultinomialProportional.no_click_mass",
    "InterestEvolutionUsers.score_scaling": "that of the cascade in InterestEvolutionUsers"
    ".choice_model, as ExponentialCascade.score_scaling",
    "InterestExplorationUsers.min_normalizer": "MultinomialProportional.min_normalizer, with"
    " InterestExplorationUsers.choice_model = @MultinomialProportional()",
    "InterestExplorationUsers.no_click_mass": "MultinomialLogit.no_click_mass, with"
    " InterestExplorationUsers.choice_model = @MultinomialLogit()",
    "LongTermSatisfactionUsers.min_normalizer": "MultinomialProportional.min_normalizer",
    "LongTermSatisfactionUsers.no_click_mass": "MultinomialLogit.no_click_mass",
    "PageItems.item_scale": "PageItems.item_effect",
    "ReinforceSlateAgent.gamma": "LambdaReturns.gamma",
    "ReinforceSlateAgent.importance_cap": "ImportanceWeights.cap",
    "ReinforceSlateAgent.normalize_importance": "ImportanceWeights.normalize",
    "ReinforceSlateAgent.num_steps": "LambdaReturns.num_steps",
    "ReinforceSlateAgent.off_policy": "ReinforceSlateAgent.importance = @ImportanceWeights()",
    "ReinforceSlateAgent.td_lambda": "LambdaReturns.td_lambda",
    "SlateQAgent.epsilon": "Exploration.epsilon",
    "SlateQAgent.eval_epsilon": "Exploration.eval_epsilon",
    "SlateQAgent.gamma": "SlateQTargets.gamma",
    "SlateQAgent.num_steps": "SlateQTargets.num_steps",
    "SlateQAgent.session_return_tau": "SlateQTargets.session_return_tau",
    "SlateQAgent.target": "SlateQTargets.target",
    "SlateQAgent.target_slates": "SlateQTargets.slates",
    "SlateQAgent.td_lambda": "SlateQTargets.td_lambda",
    "TabularQAgent.discretization_bounds": "SlateCells.discretization_bounds",
    "TabularQAgent.hashed": "SlateCells.hashed",
    "TabularQAgent.ignore_response": "SlateCells.ignore_response",
    "TabularQAgent.max_cells": "SlateCells.max_cells",
    "TabularQAgent.number_bins": "SlateCells.number_bins",
    "fit.batch_size": "LBFGS.batch_size or Minibatches.batch_size",
    "fit.max_steps": "LBFGS.max_iterations or Minibatches.passes",
    "fit.method": "fit.search = @LBFGS() or @Minibatches()",
    "fit.optimizer": "Minibatches.optimizer",
    "fit.patience": "Minibatches.patience",
    "fit.standard_errors": "fit.uncertainty = @Scores(), @Curvature() or None",
    "fit.tolerance": "LBFGS.tolerance",
    "simulate.policy": "simulate.policies",
    "train.strategy": "devices.strategy",
}


@contextlib.contextmanager
def _without_search_messages():
    """Keeps gin from logging each place where an included file is not, before it finds it."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


_SWEEPS = "sweeps/"
# Where gin found a fault.
_LOCATION = re.compile(r"\n  In file \"(?P<file>.*)\", line (?P<line>\d+)\n")


def _packaged() -> list[str]:
    return sorted(
        path.relative_to(_PACKAGED).as_posix()
        for path in _PACKAGED.rglob("*.gin")
        if not path.name.startswith("_")
    )


def packaged_configs() -> list[str]:
    """Names of the experiments that are installed with recsim_tf; files with a leading underscore
    are parts of them.
    """
    return [name for name in _packaged() if not name.startswith(_SWEEPS)]


def packaged_sweeps() -> list[str]:
    """Names of the sweeps that are installed with recsim_tf."""
    return [name for name in _packaged() if name.startswith(_SWEEPS)]


def find_config(name: str, argument: str = "gin_file") -> Path:
    """The file of a path, or of a packaged name such as "quickstart.gin"; a path that exists goes
    first.

    Args:
      name: the path or the name.
      argument: for the error, "gin_file", or "sweep_file" for sweeps.

    Raises:
      UsageError: if there is neither, with the packaged names.
    """
    if Path(name).is_file():
        return Path(name)
    packaged = _PACKAGED / name
    if packaged.is_file():
        return packaged
    kind, names = (
        ("sweeps", packaged_sweeps())
        if argument == "sweep_file"
        else ("configs", packaged_configs())
    )
    raise UsageError(
        f"{argument} {name!r} is neither a file nor one of the packaged {kind}: {', '.join(names)}"
    )


def load(files: Sequence[str], bindings: Sequence[str]) -> str:
    """Parses gin files and bindings into an empty configuration.

    Returns:
      The configuration as text, the same for the same bindings.

    Raises:
      UsageError: for a missing file, a syntax error, an unknown name, a value of a wrong type, or a
        fault in a module that is imported, with its file and line; for a name of `RENAMED` with the
        new one.
    """
    paths = [str(find_config(name)) for name in files]
    gin.clear_config()
    with _without_search_messages():
        for path in paths:
            with _faults_told(path=path):
                gin.parse_config_file(path)
        for binding in bindings:
            with _faults_told(binding=binding):
                gin.parse_config(binding)
        with _faults_told():
            gin.finalize()
    check_bindings()
    return gin.config_str()


@contextlib.contextmanager
def _faults_told(path: str | None = None, binding: str | None = None) -> Iterator[None]:
    """Tells an error of gin in one line that says where it is: in the file of `path` or in a file
    that this includes, in a `binding`, or in a module that one of them imports.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # A module can raise anything.
        where, of_gin = place(error), _is_syntax_of_gin(error)
        if where is not None and not of_gin:
            raise UsageError(told(error)) from error
        message = _in_plain_words(error)
        found = _LOCATION.search(str(error))
        if of_gin and where is not None:
            message = f"{where}: {message}"
        elif found is not None:
            message = f"{at(found['file'], int(found['line']))}: {message}"
        elif path is not None:
            line = error.args[1][0] if isinstance(error, tokenize.TokenError) else None
            message = f"{at(path, line)}: {message}"
        else:
            message = f"gin configuration: {message}"
        if binding is not None:
            message += f", in {textwrap.shorten(binding, 100)!r}"
        raise UsageError(message) from error


def _is_syntax_of_gin(error: BaseException) -> bool:
    """Whether it is a syntax error in a gin file or a binding, not in an imported module."""
    return isinstance(error, SyntaxError) and not (error.filename or "").endswith(".py")


def _in_plain_words(error: BaseException) -> str:
    message = one_line(error).rstrip(".")
    if isinstance(error, SyntaxError):
        message = " ".join(error.msg.split()).rstrip(".")
    elif isinstance(error, tokenize.TokenError):
        message = error.args[0]
    elif isinstance(error, ModuleNotFoundError):
        return f"{message}, neither in the current folder nor among the installed packages"
    elif isinstance(error, OSError):
        # gin goes on with the folders that it searched.
        return message.partition(". Searched config paths")[0]
    word = re.search(r"Failed to parse token '(.*)'", message)
    if word is not None:
        return (
            f"{word[1]} is no value: write a string in quotes, and @{word[1]} for a function or a"
            " class"
        )
    macro = re.search(r"No bindings specified for '(.*)/gin.macro'", message)
    return _with_hint(message) if macro is None else f"%{macro[1]} has no value"


def _with_hint(message: str) -> str:
    """An error of gin about an unknown name, with the nearest name, or with the new one of
    `RENAMED`.
    """
    selector = re.search(r"No configurable matching (?:reference )?'@?([\w./]+)", message)
    parameter = re.search(r"'([\w./]+)' doesn't have a parameter named '(\w+)'", message)
    found = selector or parameter
    if found is None:
        return message
    name = ".".join(found.groups()).rpartition("/")[2].removeprefix("recsim_tf.")
    if name in RENAMED:
        return f"{name} is now {RENAMED[name]}"
    if parameter is None:
        nearest = difflib.get_close_matches(name, known_names(), n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "import the module that defines it"
        return f"{name} is unknown; {hint}"
    known = inspect.signature(gin.get_configurable(parameter[1])).parameters
    nearest = difflib.get_close_matches(parameter[2], known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(known)}"
    return f"{parameter[1]} has no parameter {parameter[2]}; {hint}"
