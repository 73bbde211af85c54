"""Faults of a configuration in one line each: what gin, and modules that it imports, raise."""

import contextlib
import difflib
import inspect
import re
import textwrap
from collections.abc import Iterator

import gin

from recsim_tf.errors import at, one_line, place, told
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.gin_scope import known_names

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

# Where gin found a fault.
_LOCATION = re.compile(r"\n  In file \"(?P<file>.*)\", line (?P<line>\d+)\n")
# An error of Python's tokenizer, by which gin reads a file; it has its line beside the message.
_TOKEN = re.compile(r"^\('(?P<message>.+)', \((?P<line>\d+), \d+\)\)")


@contextlib.contextmanager
def faults_told(path: str | None = None, binding: str | None = None) -> Iterator[None]:
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
            token = _TOKEN.search(str(error))
            message = f"{at(path, None if token is None else int(token['line']))}: {message}"
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
    token = _TOKEN.search(str(error))
    if token is not None:
        return token["message"]
    if isinstance(error, SyntaxError):
        message = " ".join(error.msg.split()).rstrip(".")
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
