"""Impossible numbers are refused where they are given, in one line that names the argument.

`tests/properties/test_numbers.py` has the numbers of models.
"""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import choice, fitting, gradients, policies
from recsim_tf.agents import slate_q
from recsim_tf.agents.shared.exploration import Exploration, linearly_decaying_epsilon
from recsim_tf.environments import drifting_taste, interest_evolution
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment.commands.train import Schedule
from recsim_tf.policies import indices
from recsim_tf.policies.clicks import ClickScores

NAN, INF = math.nan, math.inf
UtilityVideos = interest_evolution.UtilityVideos
Users = interest_evolution.InterestEvolutionUsers


@functools.cache
def simulator(name="InterestExploration-v1"):
    return recsim_tf.make(name, slate_size=2, num_candidates=4, max_steps=5)


def spec(name="InterestExploration-v1"):
    return simulator(name).observation_spec()


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ((2.5,), r"hidden_units\[0\] must be an integer of at least 1, got 2\.5"),
        ((10**11,), r"hidden_units\[0\] must be at most 2147483647, got 100000000000"),
        (64, "hidden_units must be a tuple of integers, got 64"),
        ("64", "hidden_units must be a tuple of integers, got '64'"),
    ],
)
def test_sizes_of_layers_are_a_tuple_of_integers(units, message):
    with pytest.raises(ValueError, match=message):
        slate_q.SlateQNetwork(spec(), units)


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
        (
            lambda: drifting_taste.Catalogue(2, popularity=[0.0, 0.0]),
            "popularity must be positive for some item",
        ),
        # Simulations.
        (
            lambda: recsim_tf.interest_evolution(Users(step_penalty=[0.5] * 3)).reset(4, seed=0),
            r"num_users must be 3, for which users\.step_penalty has values, got 4",
        ),
        (
            lambda: recsim_tf.interest_evolution(Users(step_penalty=[0.5] * 3), num_users=4),
            r"num_users must be 3, for which users\.step_penalty has values, got 4",
        ),
        # Agents.
        (lambda: Exploration(epsilon=NAN), r"epsilon must be in \[0, 1\] or a function .* got nan"),
        (
            lambda: Exploration(eval_epsilon="0.1"),
            r"eval_epsilon must be in \[0, 1\] or .* got '0\.1'",
        ),
        (lambda: linearly_decaying_epsilon(decay_steps=2.5), "decay_steps must be an integer of"),
        # Policies and gradients.
        (
            lambda: ClickScores(2, optimism_scaling=-1),
            "optimism_scaling must be at least 0, got -1",
        ),
        (
            lambda: indices.thompson(tf.ones([1, 2]), tf.ones([1, 2]), tf.ones([1]), 0.0, 0),
            r"optimism_scaling must be above 0, got 0\.0",
        ),
        (
            lambda: policies.greedy_cluster_policy(simulator(), 0.5),
            r"cluster_id must be in \[0, num_clusters=2\), got 0\.5",
        ),
        (
            lambda: gradients.relaxed_top_k(tf.zeros([1, 2]), 1, tf.constant(0.0)),
            "temperature must be above 0, got",
        ),
        # Fits, evaluations and runs.
        (lambda: fitting.Minibatches(passes=2.5), "passes must be an integer of at least 1, got"),
        (lambda: Evaluation(max_steps=0), "max_steps must be an integer of at least 1, got 0"),
        (lambda: Schedule(max_checkpoints=2.5), r"train\.max_checkpoints must be an integer of at"),
    ],
)
def test_it_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        make()


def agent(optimizer=None, **arguments):
    from recsim_tf.adapters.tf_agents import SlateEnvironment
    from tests.agents.experience import slate_q_options

    environment = SlateEnvironment(simulator(), 2)
    return slate_q.SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        slate_q.SlateQNetwork(spec(), (4,)),
        **slate_q_options({"optimizer": optimizer or tf.keras.optimizers.Adam(), **arguments}),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradient_clipping": -1.0}, r"gradient_clipping must be above 0 or None, got -1\.0"),
        ({"update_period": 0}, "update_period must be an integer of at least 1"),
        ({"reward_scale_factor": INF}, "reward_scale_factor must be above 0, got inf"),
        ({"optimizer": tf.keras.optimizers.Adam(-1.0)}, "learning_rate of Adam must be at least 0"),
        ({"optimizer": tf.keras.optimizers.SGD(NAN)}, "learning_rate of SGD must be at least 0"),
    ],
)
def test_an_agent_refuses_it_by_name(arguments, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        agent(**arguments)


@pytest.mark.parametrize(
    "rate", [0.1, tf.keras.optimizers.schedules.CosineDecay(0.1, 10), lambda: 0.1]
)
def test_an_agent_takes_rates_schedules_and_functions(rate):
    agent(tf.keras.optimizers.Adam(rate))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: recsim_tf.long_term_satisfaction(
                users=recsim_tf.environments.long_term_satisfaction.LongTermSatisfactionUsers(
                    choc_mean=300.0
                )
            ),
            r"LongTermSatisfactionUsers\.response ",
        ),
        (
            lambda: recsim_tf.interest_evolution(
                Users(choice_model=choice.MultinomialProportional(min_normalizer=0.5))
            ),
            r"InterestEvolutionUsers\.response: scores must be at least min_normalizer",
        ),
        (
            lambda: recsim_tf.interest_evolution(
                Users(alpha_y_intercept=tf.Variable(NAN)),
            ),
            r"InterestEvolutionUsers\.update must return interests of finite numbers, got nan",
        ),
        (
            lambda: recsim_tf.interest_evolution(documents=UtilityVideos(quality_stddev=0.0)),
            r"UtilityVideos\.reveal must return a distribution with a finite log-probability",
        ),
    ],
)
def test_the_check_names_where_a_simulation_is_not_finite(make, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        recsim_tf.check(make())


def test_the_check_looks_at_states_and_rewards_beyond_its_first_steps():
    class Explosive(Users):
        def update(self, state, slate, response, innovation):
            next_state = super().update(state, slate, response, innovation)
            return next_state._replace(budget=state.budget * 1e9)

    with pytest.raises(ValueError, match=r"^the state/user/budget of sessions must be finite, got"):
        recsim_tf.check(recsim_tf.interest_evolution(Explosive()))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("users.time_budget", (100.0, NAN), r"nan: time_budget must be finite"),
        ("users.time_budget", (100.0, 1e39), r"1e\+39: time_budget must be finite in"),
        (
            "users.choice_model.min_normalizer",
            (-1.0, 0.5),
            r"0\.5: .*: scores must be at least min_normalizer",
        ),
        ("documents.quality_stddev", (0.1, 0.0), r"0\.0: UtilityVideos\.reveal must"),
    ],
)
def test_compared_values_are_checked_as_the_environment_is(name, values, message):
    comparison = Evaluation(4, 3, compare={name: values}).comparison
    with pytest.raises(ValueError, match=rf"the environment does not take {name}={message}"):
        comparison.simulator(recsim_tf.interest_evolution())


def test_parameters_for_each_user_are_checked_for_as_many():
    recsim_tf.check(recsim_tf.interest_evolution(Users(step_penalty=np.full(3, 0.5))))
