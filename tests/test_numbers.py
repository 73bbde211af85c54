# SPDX-License-Identifier: Apache-2.0
"""Impossible numbers are refused where they are given, in one line that names the argument.

`tests/properties/test_numbers.py` has the numbers of models.
"""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import choice, policies
from recsim_tf.agents import slate_q
from recsim_tf.environments import drifting_taste, interest_evolution, long_term_satisfaction
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import indices
from recsim_tf.policies.clicks import ClickScores
from tests.refusals import assert_refused

NAN, INF = math.nan, math.inf
UtilityVideos = interest_evolution.UtilityVideos
Users = interest_evolution.InterestEvolutionUsers
Satisfied = long_term_satisfaction.LongTermSatisfactionUsers
proportional = choice.MultinomialProportional
optimizers = tf.keras.optimizers


@functools.cache
def simulator(name="InterestExploration-v1"):
    return recsim_tf.make(name, slate_size=2, num_candidates=4, max_steps=5)


def spec(name="InterestExploration-v1"):
    return simulator(name).observation_spec()


def agent(optimizer=None, **arguments):
    from recsim_tf.adapters.tf_agents import SlateEnvironment
    from tests.agents.experience import slate_q_options

    environment = SlateEnvironment(simulator(), 2)
    return slate_q.SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        slate_q.SlateQNetwork(spec(), (4,)),
        **slate_q_options({"optimizer": optimizer or optimizers.Adam(), **arguments}),
    )


def evolution(*arguments, **named):
    return recsim_tf.interest_evolution(*arguments, **named)


def network(units):
    return slate_q.SlateQNetwork(spec(), units)


OF_USERS = r"num_users must be 3, for which users\.step_penalty has values, got 4"
PULLS = tf.ones([1, 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        # Parameters of models.
        (lambda: Users(step_penalty=1e39), r"step_penalty must be finite in float32, got 1e\+39"),
        (
            lambda: Users().with_parameters({"choice_model.no_click_mass": -9.0}),
            r"no_click_mass must be at least min_normalizer=-1\.0, got -9\.0",
        ),
        (
            lambda: choice.MultinomialProportional(min_normalizer=5.0),
            r"no_click_mass must be at least min_normalizer=5\.0, got 1\.0",
        ),
        (lambda: Users(dtype=tf.float16), "dtype must be tf.float32 or tf.float64, got tf.float16"),
        (lambda: drifting_taste.Catalogue(2, popularity=[0.0, 0.0]), "popularity must be positive"),
        # Simulations.
        (lambda: evolution(Users(step_penalty=[0.5] * 3)).reset(4, seed=0), OF_USERS),
        (lambda: evolution(Users(step_penalty=[0.5] * 3), num_users=4), OF_USERS),
        # Policies.
        (
            lambda: ClickScores(2, optimism_scaling=-1),
            "optimism_scaling must be at least 0, got -1",
        ),
        (
            lambda: indices.thompson(PULLS, PULLS, tf.ones([1]), 0.0, 0),
            r"optimism_scaling must be above 0, got 0\.0",
        ),
        (
            lambda: policies.greedy_cluster_policy(simulator(), 0.5),
            r"cluster_id must be in \[0, num_clusters=2\), got 0\.5",
        ),
        # What the check of a model finds.
        (
            lambda: recsim_tf.check(
                recsim_tf.long_term_satisfaction(users=Satisfied(choc_mean=300.0))
            ),
            r"LongTermSatisfactionUsers\.response ",
        ),
        (
            lambda: recsim_tf.check(evolution(Users(choice_model=proportional(0.5)))),
            r"InterestEvolutionUsers\.response: scores must be at least min_normalizer",
        ),
        (
            lambda: recsim_tf.check(evolution(Users(alpha_y_intercept=tf.Variable(NAN)))),
            r"InterestEvolutionUsers\.update must return interests of finite numbers, got nan",
        ),
        (
            lambda: recsim_tf.check(evolution(documents=UtilityVideos(quality_stddev=0.0))),
            r"UtilityVideos\.reveal must return a distribution with a finite log-probability",
        ),
    ],
)
def test_it_is_refused_by_name(make, message):
    assert_refused(make, rf"^{message}")


@pytest.mark.parametrize("rate", [0.1, optimizers.schedules.CosineDecay(0.1, 10), lambda: 0.1])
def test_an_agent_takes_rates_schedules_and_functions(rate):
    agent(optimizers.Adam(rate))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("users.time_budget", (100.0, NAN), r"nan: time_budget must be finite"),
        ("documents.quality_stddev", (0.1, 0.0), r"0\.0: UtilityVideos\.reveal must"),
    ],
)
def test_compared_values_are_checked_as_the_environment_is(name, values, message):
    comparison = Evaluation(4, 3, compare={name: values}).comparison
    with pytest.raises(ValueError, match=rf"the environment does not take {name}={message}"):
        comparison.simulator(recsim_tf.interest_evolution())


@pytest.mark.slow
def test_parameters_for_each_user_are_checked_for_as_many():
    recsim_tf.check(recsim_tf.interest_evolution(Users(step_penalty=np.full(3, 0.5))))
