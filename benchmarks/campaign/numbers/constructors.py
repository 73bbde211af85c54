"""Numbers that public classes and functions take, found in their signatures."""

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gin
import numpy as np
import tensorflow as tf
from campaign.numbers import values
from campaign.numbers.outcomes import Case

import recsim_tf
import recsim_tf.experiment.config
from recsim_tf import fitting, gradients, policies
from recsim_tf.adapters import gymnasium
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import full_slate_q, layers, reinforce, slate_q, tabular_q
from recsim_tf.agents.reinforce import corrections
from recsim_tf.agents.shared import exploration, returns
from recsim_tf.core.distributions.plackett_luce import PlackettLuce
from recsim_tf.core.parameters import Model
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.training.loop import LearningLoop
from recsim_tf.experiment.training.parts import experiment
from recsim_tf.experiment.training.run import Schedule
from recsim_tf.fitting.checks.calibration import calibrate
from recsim_tf.fitting.estimate.lbfgs import LBFGS
from recsim_tf.policies.beliefs import CatalogueScores
from recsim_tf.policies.clicks import ClickScores

# What the campaign's other sections give bad values to: commands, and readers of files.
ELSEWHERE = {
    "devices",
    "from_table",
    "page_log",
    "read_episode_log",
    "read_movielens",
    "read_open_bandit",
    "run_fit",
    "simulate",
    "sweep",
}
# Where nothing, or none, is a number of things like another.
_MAY_BE_ZERO = {"warmup_steps", "cluster_id"}
_NUM_USERS = 4


class Subject(NamedTuple):
    """A class or function whose arguments get impossible values."""

    function: Callable[..., Any]
    # the other arguments that it needs
    arguments: Callable[[], dict[str, Any]] = dict
    # gives what must be finite, from what the function returns
    use: Callable[[Any], Any] = lambda made: ()


@functools.cache
def _simulator(name: str = "InterestExploration-v1", **arguments):
    sizes = {"slate_size": 2, "num_candidates": 4, "max_steps": 5}
    return recsim_tf.make(name, **{**sizes, **arguments})


def _environment(**arguments) -> SlateEnvironment:
    return SlateEnvironment(_simulator(**arguments), _NUM_USERS)


def _specs() -> dict[str, Any]:
    return {"observation_spec": _simulator().observation_spec()}


def _called(network) -> Any:
    """What a network gives."""
    network.create_variables()
    values_of = network(policies.fields.zeros(_simulator().observation_spec(), 2))[0]
    return values_of.logits if isinstance(values_of, PlackettLuce) else values_of


def _of_agent(**networks) -> Callable[[], dict[str, Any]]:
    """The arguments of an agent, whose networks come from functions of the specs."""

    def arguments():
        environment = _environment()
        spec = environment.observation_spec()
        return {
            "time_step_spec": environment.time_step_spec(),
            "action_spec": environment.action_spec(),
            **{name: make(spec) for name, make in networks.items()},
            "optimizer": tf.keras.optimizers.Adam(),
        }

    return arguments


_CELLS = {"discretization_bounds": (0.0, 5.0), "number_bins": 3}


def _of_table() -> dict[str, Any]:
    arguments = _of_agent()()
    del arguments["optimizer"]
    return {**arguments, "cells": tabular_q.SlateCells(**_specs(), slate_size=2, **_CELLS)}


def _trained(agent) -> Any:
    """Losses and weights of an agent after two train steps."""
    loop = LearningLoop(_environment(), agent, None, 30, 1, 0, agent.train_sequence_length or 1)
    loop.collect(3)
    loss = loop.run(2)
    weights = [variable for variable in agent.policy.variables() if variable.dtype.is_floating]
    return loss, [tf.convert_to_tensor(weight) for weight in weights]


def _trained_with(optimizer: Callable[[float], Any]) -> Callable[..., Any]:
    def of_rate(learning_rate: float):
        arguments = _of_agent(network=lambda spec: slate_q.SlateQNetwork(spec, (4,)))()
        return slate_q.SlateQAgent(**{**arguments, "optimizer": optimizer(learning_rate)})

    return of_rate


@functools.cache
def _log():
    return fitting.simulated_log(_simulator(), 20, 3)


def _fit(**arguments) -> Any:
    return fitting.fit(
        _simulator(),
        {"users.choice_model.no_click_mass": fitting.Parameter()},
        _log(),
        progress=False,
        **{"search": LBFGS(max_iterations=1), "uncertainty": None, **arguments},
    )


def _start(start: float) -> Any:
    parameters = {"users.choice_model.no_click_mass": fitting.Parameter(start)}
    search = LBFGS(max_iterations=1)
    return fitting.fit(_simulator(), parameters, _log(), search, uncertainty=None, progress=False)


def _estimates(result: fitting.FitResult) -> Any:
    return [result.log_likelihood, *(one.value for one in result.estimates.values())]


def _evaluated(evaluation: Evaluation) -> Any:
    simulator = _simulator()
    result = evaluation.evaluator("random", simulator, policies.random_policy(simulator))()
    return [result.mean_return, result.standard_error]


def _slates(policy) -> Any:
    simulator = _simulator()
    return simulator.rollout(policy, _NUM_USERS, 6, seed=0).transitions.reward


def _relaxed(**arguments) -> Any:
    simulator = _simulator("InterestEvolution-v1")
    network = reinforce.SlatePolicyNetwork(simulator.observation_spec(), 2, (4,))
    policy = policies.PlackettLucePolicy.of_network(network)
    given = {"num_users": 3, "num_steps": 3, "seed": 0, **arguments}
    return gradients.relaxed_return(
        simulator, policy, departure_margin=lambda user: user.budget, **given
    )


_relaxed.__signature__ = inspect.signature(gradients.relaxed_return)


def _rolled(**arguments) -> Any:
    simulator = _simulator()
    given = {"num_users": 3, "num_steps": 3, "seed": 0, **arguments}
    return simulator.rollout(policies.random_policy(simulator), **given).transitions.reward


def _logistic(**arguments) -> Any:
    generator = np.random.default_rng(0)
    features = tf.constant(generator.normal(size=[3, 20, 2]), tf.float32)
    rewards = tf.constant(generator.integers(2, size=[3, 20]), tf.float32)
    mask = tf.ones([3, 20], tf.bool)
    return policies.fit_logistic(features, rewards, mask, **arguments)


def _sampled(num_samples=4, num_burnin_steps=1, num_chains=1, batch_size=1000, seed=0) -> Any:
    return fitting.sample_parameters(
        _simulator(),
        {"users.choice_model.no_click_mass": fitting.Parameter()},
        _log(),
        num_samples,
        num_burnin_steps,
        num_chains,
        batch_size=batch_size,
        jit_compile=False,
        seed=seed,
        progress=False,
    ).samples


def _predictions():
    return {
        "predictions": fitting.predict_choices(_simulator(), _log()),
        "log": _log(),
    }


def _experiment_of(**arguments) -> Any:
    given = {"num_users": 4, "batch_size": 4, **arguments}
    return experiment(
        simulator=_simulator(),
        create_agent=lambda environment, step: slate_q.create_slate_q(
            environment, step, lambda spec: slate_q.SlateQNetwork(spec, (4,))
        ),
        **given,
    )


_experiment_of.__signature__ = inspect.signature(experiment)


_fit.__signature__ = inspect.signature(fitting.fit)
_logistic.__signature__ = inspect.signature(policies.fit_logistic)


def _agent(function, arguments) -> Subject:
    return Subject(function, arguments, _trained)


def _network(function, **arguments) -> Subject:
    return Subject(function, lambda: {**_specs(), **arguments}, _called)


SUBJECTS = {
    "SlateQAgent": _agent(
        slate_q.SlateQAgent, _of_agent(network=lambda spec: slate_q.SlateQNetwork(spec, (4,)))
    ),
    "FullSlateQAgent": _agent(
        full_slate_q.FullSlateQAgent,
        _of_agent(network=lambda spec: full_slate_q.FullSlateQNetwork(spec, 2, (4,))),
    ),
    "ReinforceSlateAgent": _agent(
        reinforce.ReinforceSlateAgent,
        _of_agent(
            actor_network=lambda spec: reinforce.SlatePolicyNetwork(spec, 2, (4,)),
            value_network=lambda spec: reinforce.StateValueNetwork(spec, (4,)),
        ),
    ),
    "TabularQAgent": _agent(tabular_q.TabularQAgent, _of_table),
    "Adam": _agent(_trained_with(tf.keras.optimizers.Adam), dict),
    "SGD": _agent(_trained_with(tf.keras.optimizers.SGD), dict),
    "legacy Adam": _agent(_trained_with(tf.keras.optimizers.legacy.Adam), dict),
    "SlateQNetwork": _network(slate_q.SlateQNetwork),
    "ClickNetwork": _network(slate_q.ClickNetwork),
    "TwoTowerQNetwork": _network(slate_q.TwoTowerQNetwork),
    "SlatePolicyNetwork": _network(reinforce.SlatePolicyNetwork, slate_size=2),
    "StateValueNetwork": _network(reinforce.StateValueNetwork),
    "FullSlateQNetwork": _network(full_slate_q.FullSlateQNetwork, slate_size=2),
    "TopicSetQNetwork": Subject(
        full_slate_q.TopicSetQNetwork,
        lambda: {
            "observation_spec": _simulator("InterestEvolution-v1").observation_spec(),
            "slate_size": 2,
        },
    ),
    "Exploration": Subject(exploration.Exploration),
    "linearly_decaying_epsilon": Subject(
        exploration.linearly_decaying_epsilon, use=lambda epsilon: epsilon(tf.Variable(3))
    ),
    "LambdaReturns": Subject(returns.LambdaReturns),
    "SlateQTargets": Subject(slate_q.SlateQTargets),
    "ImportanceWeights": Subject(
        corrections.ImportanceWeights,
        use=lambda weights: weights(tf.zeros(3), tf.ones(3), tf.ones(3)),
    ),
    "importance_weights": Subject(
        corrections.importance_weights,
        lambda: {"log_prob": tf.zeros(3), "behaviour_log_prob": tf.ones(3)},
        lambda weights: weights,
    ),
    "top_k_multiplier": Subject(
        corrections.top_k_multiplier,
        lambda: {"log_prob": tf.constant([-1.0, -2.0])},
        lambda multiplier: multiplier,
    ),
    "TemporalAggregation": Subject(layers.TemporalAggregation),
    "SwitchingCost": Subject(layers.SwitchingCost),
    "FixedLengthHistory": Subject(layers.FixedLengthHistory),
    "SlateCells": Subject(tabular_q.SlateCells, lambda: {**_specs(), **_CELLS, "slate_size": 2}),
    "ClusterBandit": Subject(policies.ClusterBandit, lambda: {"simulator": _simulator()}, _slates),
    "ClickBandit": Subject(
        policies.ClickBandit,
        lambda: {
            "simulator": _simulator(),
            "arms": [policies.greedy_cluster_policy(_simulator(), arm) for arm in range(2)],
        },
        _slates,
    ),
    "CatalogueScores": Subject(CatalogueScores, lambda: {"factors": np.ones([3, 2])}),
    "ClickScores": Subject(
        ClickScores, use=lambda scores: scores(scores.initial_counts(3), tf.constant([0, 1]))
    ),
    "greedy_cluster_policy": Subject(
        policies.greedy_cluster_policy, lambda: {"simulator": _simulator()}, _slates
    ),
    "oracle_policy": Subject(
        policies.oracle_policy,
        lambda: {"simulator": _simulator("InterestEvolution-v1")},
        lambda policy: (
            _simulator("InterestEvolution-v1")
            .rollout(policy, _NUM_USERS, 3, seed=0)
            .transitions.reward
        ),
    ),
    "fit_logistic": Subject(_logistic, use=lambda found: found),
    "ucb_glm_radius": Subject(policies.ucb_glm_radius, use=lambda radius: radius),
    "relaxed_return": Subject(_relaxed, use=lambda total: total),
    "relaxed_top_k": Subject(
        gradients.relaxed_top_k,
        lambda: {"keys": tf.constant([[1.0, 2.0, 3.0]]), "slate_size": 2, "temperature": 1.0},
        lambda weights: weights,
    ),
    "PlackettLuce": Subject(PlackettLuce, lambda: {"logits": tf.zeros([2, 4])}),
    "Simulator.rollout": Subject(_rolled, use=lambda rewards: rewards),
    "SlateEnvironment": Subject(
        SlateEnvironment,
        lambda: {"simulator": _simulator(), "batch_size": 2},
        lambda made: made.current_time_step().reward,
    ),
    "GymnasiumEnvironment": Subject(
        gymnasium.GymnasiumEnvironment,
        lambda: {"simulator": _simulator()},
        lambda made: tf.nest.flatten(made.reset()[0]),
    ),
    "GymnasiumVectorEnvironment": Subject(
        gymnasium.GymnasiumVectorEnvironment,
        lambda: {"simulator": _simulator(), "num_envs": 2},
        lambda made: tf.nest.flatten(made.reset()[0]),
    ),
    "Evaluation": Subject(Evaluation, lambda: {"num_users": 4, "max_steps": 3}, _evaluated),
    "train": Subject(Schedule),
    "experiment": Subject(_experiment_of, use=lambda parts: parts.loop.run(1).loss),
    "fit": Subject(_fit, use=_estimates),
    "Parameter": Subject(_start, use=_estimates),
    "LBFGS": Subject(fitting.LBFGS, dict, lambda search: _estimates(_fit(search=search))),
    "Minibatches": Subject(
        fitting.Minibatches,
        lambda: {"passes": 1},
        lambda search: _estimates(_fit(search=search)),
    ),
    "hierarchical_normal": Subject(
        fitting.hierarchical_normal, use=lambda prior: prior.log_prob(0.5)
    ),
    "simulated_log": Subject(
        fitting.simulated_log,
        lambda: {"simulator": _simulator(), "num_sessions": 3, "num_steps": 2},
        lambda log: log.active,
    ),
    "sample_parameters": Subject(_sampled, use=lambda samples: samples),
    "calibrate": Subject(calibrate, _predictions, lambda found: found.expected_error),
    "predict_choices": Subject(
        fitting.predict_choices,
        lambda: {"simulator": _simulator(), "log": _log()},
        lambda found: found.probs,
    ),
}


def cases(name: str) -> Iterator[Case]:
    """Of the subject of that name."""
    for argument, kind, takes_functions in numeric_arguments(SUBJECTS[name].function):
        for hostile in kind:
            if hostile.fault == "function" and takes_functions:
                continue
            if hostile.fault == "zero" and argument in _MAY_BE_ZERO:
                continue
            yield Case(
                name,
                argument,
                hostile.fault,
                hostile.is_never_right,
                repr(hostile.value),
                functools.partial(_use, name, argument, hostile.value),
            )


def numeric_arguments(
    function: Callable[..., Any],
) -> Iterator[tuple[str, Iterator[values.Hostile], bool]]:
    """Name and impossible values of each argument that is a number, or sizes, and whether it may be
    a function.
    """
    called = function.__init__ if inspect.isclass(function) else function
    hints = typing.get_type_hints(called)
    for argument, parameter in inspect.signature(function).parameters.items():
        words = str(hints.get(argument, ""))
        words = getattr(hints.get(argument), "__name__", words) if "[" not in words else words
        default = parameter.default
        may_be_none = default is None
        if argument in ("seed", "position_seed"):
            kind = values.for_seed()
        elif isinstance(default, tuple) and default and isinstance(default[0], int):
            kind = values.for_sizes()
        elif "float" in words or isinstance(default, float) or argument == "temperature":
            kind = values.for_one_number(default, may_be_none)
        elif words.startswith("int") or type(default) is int:
            kind = values.for_size(may_be_none)
        else:
            continue
        yield argument, kind, "Callable" in words


def _use(name: str, argument: str, value: Any) -> Any:
    subject = SUBJECTS[name]
    made = subject.function(**{**subject.arguments(), argument: value})
    return subject.use(made)


def missing() -> list[str]:
    """Names in gin files of what takes numbers, and is neither here, nor a model, nor elsewhere."""
    found = []
    for selector, configurable in gin.config._REGISTRY.items():
        function = configurable.wrapped
        name = selector.rpartition(".")[2]
        is_ours = function.__module__.startswith("recsim_tf")
        is_model = inspect.isclass(function) and issubclass(function, Model)
        known = name in SUBJECTS or name in ELSEWHERE or is_model
        if is_ours and not known and any(True for _ in numeric_arguments(function)):
            found.append(name)
    return sorted(found)
