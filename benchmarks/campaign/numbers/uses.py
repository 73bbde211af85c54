"""How what takes numbers is made and used, on an environment that is small."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf import fitting, gradients, policies
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import reinforce, slate_q, tabular_q
from recsim_tf.core import random
from recsim_tf.core.distributions.plackett_luce import PlackettLuce
from recsim_tf.environments import key_terms
from recsim_tf.environments.intents import intents
from recsim_tf.environments.soft_attributes import RatingsAndTags
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.training.loop import LearningLoop
from recsim_tf.experiment.training.parts import experiment
from recsim_tf.fitting.estimate.lbfgs import LBFGS
from recsim_tf.policies import elicitation, fields

NUM_USERS = 4


@functools.cache
def small_simulator(name: str = "InterestExploration-v1", **arguments):
    # A few users are a small world.
    sizes = {"slate_size": 2, "num_candidates": 4, "max_steps": 5, "users_per_world": None}
    return recsim_tf.make(name, **{**sizes, **arguments})


def small_environment(**arguments) -> SlateEnvironment:
    return SlateEnvironment(small_simulator(**arguments), NUM_USERS)


def tagged_films() -> RatingsAndTags:
    """Of two users, who tag two of four films each."""
    film = np.array([[0, 1], [2, 3]])
    tags = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    return RatingsAndTags((), film, np.ones_like(film), np.ones([2, 2], bool), tags)


def specs() -> dict[str, Any]:
    return {"observation_spec": small_simulator().observation_spec()}


def called(network) -> Any:
    """What a network gives."""
    network.create_variables()
    values_of = network(fields.zeros(small_simulator().observation_spec(), 2))[0]
    return values_of.logits if isinstance(values_of, PlackettLuce) else values_of


def of_agent(**networks) -> Callable[[], dict[str, Any]]:
    """The arguments of an agent, whose networks come from functions of the specs."""

    def arguments():
        environment = small_environment()
        spec = environment.observation_spec()
        return {
            "time_step_spec": environment.time_step_spec(),
            "action_spec": environment.action_spec(),
            **{name: make(spec) for name, make in networks.items()},
            "optimizer": tf.keras.optimizers.Adam(),
        }

    return arguments


CELLS = {"discretization_bounds": (0.0, 5.0), "number_bins": 3}


def of_table() -> dict[str, Any]:
    arguments = of_agent()()
    del arguments["optimizer"]
    return {**arguments, "cells": tabular_q.SlateCells(**specs(), slate_size=2, **CELLS)}


def trained(agent) -> Any:
    """Losses and weights of an agent after two train steps."""
    loop = LearningLoop(
        small_environment(), agent, None, 30, 1, 0, agent.train_sequence_length or 1
    )
    loop.collect(3)
    loss = loop.run(2)
    weights = [variable for variable in agent.policy.variables() if variable.dtype.is_floating]
    return loss, [tf.convert_to_tensor(weight) for weight in weights]


def trained_with(optimizer: Callable[[float], Any]) -> Callable[..., Any]:
    def of_rate(learning_rate: float):
        arguments = of_agent(network=lambda spec: slate_q.SlateQNetwork(spec, (4,)))()
        return slate_q.SlateQAgent(**{**arguments, "optimizer": optimizer(learning_rate)})

    return of_rate


@functools.cache
def small_log():
    return fitting.simulated_log(small_simulator(), 20, 3)


def fit(**arguments) -> Any:
    return fitting.fit(
        small_simulator(),
        {"users.choice_model.no_click_mass": fitting.Parameter()},
        small_log(),
        progress=False,
        **{"search": LBFGS(max_iterations=1), "uncertainty": None, **arguments},
    )


def fit_of_chains(search: fitting.MonteCarloEM, uncertainty=None) -> Any:
    simulator = intents()
    log = fitting.simulated_log(simulator, 4, 3, latent=("initial",))
    parameters = {"users.sensitivity": fitting.Parameter(0.5)}
    return fitting.fit(simulator, parameters, log, search, uncertainty, progress=False)


def start(start: float | None) -> Any:
    parameters = {"users.choice_model.no_click_mass": fitting.Parameter(start)}
    search = LBFGS(max_iterations=1)
    return fitting.fit(
        small_simulator(), parameters, small_log(), search, uncertainty=None, progress=False
    )


def estimates(result: fitting.FitResult) -> Any:
    return [result.log_likelihood, *(one.value for one in result.estimates.values())]


def evaluated(evaluation: Evaluation) -> Any:
    simulator = small_simulator()
    result = evaluation.evaluator("random", simulator, policies.random_policy(simulator))()
    return [result.mean_return, result.standard_error]


def slates(policy) -> Any:
    simulator = small_simulator()
    return simulator.rollout(policy, NUM_USERS, 6, seed=0).transitions.reward


def conversing() -> dict[str, Any]:
    return {"simulator": small_simulator("Conversation-v0")}


def conversed(policy) -> Any:
    simulator = small_simulator("Conversation-v0")
    return simulator.rollout(policy, NUM_USERS, 3, seed=0).transitions.reward


def told(entry: elicitation.Entry) -> Any:
    """What the turns of a menu tell and offer at the start of sessions."""
    simulator = small_simulator("Conversation-v0")
    menu, tracker = elicitation.Menu(simulator, [entry]), elicitation.Tracker(simulator)
    observation = simulator.observe(simulator.reset(NUM_USERS, seed=0))
    view = tracker.outlook(tracker.initial_state(NUM_USERS), observation)
    turns = menu.turns(view, random.as_seed(0))
    return menu.information(view, turns), menu.rewards(view, turns)


def of_turns() -> dict[str, Any]:
    simulator = small_simulator("Conversation-v0")
    spec = simulator.observation_spec()
    slates = reinforce.SlatePolicyNetwork(spec, simulator.slate_size, (4,))
    return {
        "observation_spec": spec,
        "slate_network": slates,
        "query_spec": simulator.query_spec,
    }


def drawn_turns(network) -> Any:
    network.create_variables()
    spec = small_simulator("Conversation-v0").observation_spec()
    turns = network(fields.zeros(spec, 2))[0]
    return turns.log_prob(random.sample(turns, random.as_seed(0)))


@functools.cache
def small_key_terms():
    documents = key_terms.KeyTermDocuments(5, 2, 3, num_offered_arms=2)
    return key_terms.key_terms(key_terms.KeyTermUsers(3), documents, num_candidates=4)


def asked_key_terms(bandit) -> Any:
    return small_key_terms().rollout(bandit, NUM_USERS, 4, seed=0).transitions.reward


def relaxed(**arguments) -> Any:
    simulator = small_simulator("InterestEvolution-v1")
    network = reinforce.SlatePolicyNetwork(simulator.observation_spec(), 2, (4,))
    policy = policies.PlackettLucePolicy.of_network(network)
    given = {"num_users": 3, "num_steps": 3, "seed": 0, **arguments}
    return gradients.relaxed_return(
        simulator, policy, departure_margin=lambda user: user.budget, **given
    )


relaxed.__signature__ = inspect.signature(gradients.relaxed_return)


def rolled(**arguments) -> Any:
    simulator = small_simulator()
    given = {"num_users": 3, "num_steps": 3, "seed": 0, **arguments}
    return simulator.rollout(policies.random_policy(simulator), **given).transitions.reward


def logistic(**arguments) -> Any:
    generator = np.random.default_rng(0)
    features = tf.constant(generator.normal(size=[3, 20, 2]), tf.float32)
    rewards = tf.constant(generator.integers(2, size=[3, 20]), tf.float32)
    mask = tf.ones([3, 20], tf.bool)
    return policies.fit_logistic(features, rewards, mask, **arguments)


def sampled(num_samples=4, num_burnin_steps=1, num_chains=1, batch_size=1000, seed=0) -> Any:
    return fitting.sample_parameters(
        small_simulator(),
        {"users.choice_model.no_click_mass": fitting.Parameter()},
        small_log(),
        num_samples,
        num_burnin_steps,
        num_chains,
        batch_size=batch_size,
        jit_compile=False,
        seed=seed,
        progress=False,
    ).samples


def sampled_sessions(num_samples=4, num_burnin_steps=1, num_chains=2, seed=0) -> Any:
    simulator = small_simulator("LongTermSatisfaction-v1")
    log = fitting.simulated_log(simulator, 3, 2, latent=("innovation",))
    return fitting.sample_sessions(
        simulator, log, num_samples, num_burnin_steps, num_chains, False, seed, progress=False
    ).innovation


def predictions():
    return {
        "predictions": fitting.predict_choices(small_simulator(), small_log()),
        "log": small_log(),
    }


def experiment_of(**arguments) -> Any:
    given = {"num_users": 4, "batch_size": 4, **arguments}
    return experiment(
        simulator=small_simulator(),
        create_agent=lambda environment, step: slate_q.create_slate_q(
            environment, step, lambda spec: slate_q.SlateQNetwork(spec, (4,))
        ),
        **given,
    )


experiment_of.__signature__ = inspect.signature(experiment)


fit.__signature__ = inspect.signature(fitting.fit)
logistic.__signature__ = inspect.signature(policies.fit_logistic)
