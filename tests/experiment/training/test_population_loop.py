"""Populations: each member learns as it would by itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.reinforce import (
    PolicyGradient,
    ReinforceSlateAgent,
    SlatePolicyNetwork,
    StateValueNetwork,
)
from recsim_tf.agents.shared.exploration import Exploration, linearly_decaying_epsilon
from recsim_tf.agents.shared.learning import Learning
from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.population_agent import PopulationAgent, _identity
from recsim_tf.agents.shared.returns import LambdaReturns
from recsim_tf.agents.slate_q import SlateQAgent, SlateQNetwork, SlateQTargets
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.experiment.training.loop import Iteration, LearningLoop
from recsim_tf.experiment.training.population_loop import PopulationLoop
from tests.refusals import assert_refused

_NUM_USERS, _NUM_STEPS, _ITERATIONS = 4, 12, 6
_RETURN = "AverageEpisodeRewards/train"
_Adam = tf.keras.optimizers.Adam


def environment_of(seed):
    simulator = interest_evolution(slate_size=2, num_candidates=4)
    return SlateEnvironment(simulator, _NUM_USERS, seed, validate=simulator.validate)


def loop_of(
    seed, rate=1e-3, units=8, memory=None, num_steps=_NUM_STEPS, gamma=1.0, jit=False, **options
):
    """A loop of REINFORCE for 4 users."""
    tf.keras.utils.set_random_seed(seed)
    environment = environment_of(seed)
    spec = environment.observation_spec()
    learning = {name: options.pop(name) for name in ("gradient_clipping",) if name in options}
    agent = ReinforceSlateAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        SlatePolicyNetwork(spec, 2, (units,), memory),
        StateValueNetwork(spec, (units,), memory),
        Learning(_Adam(rate), train_step_counter=tf.Variable(0, dtype=tf.int64), **learning),
        PolicyGradient(LambdaReturns(num_steps, gamma, 0.95), **options),
        seed=seed,
    )
    agent.initialize()
    return LearningLoop(environment, agent, Iteration(jit_compile=jit), seed=seed)


def weights(loop):
    return [variable.numpy() for network in loop.agent.learners for variable in network.variables]


def returns_of(loop):
    return loop.metrics.read_and_clear(1.0)[_RETURN]


def trained(loop):
    """The return and the weights of a loop after its iterations."""
    loop.collect(_NUM_STEPS)
    loop.run(_ITERATIONS)
    return returns_of(loop), weights(loop)


def trained_together(loops):
    """The returns and the weights of loops after the iterations of their population."""
    population = PopulationLoop(loops)
    population.collect(_NUM_STEPS)
    losses = population.run(_ITERATIONS)
    assert all(np.isfinite(loss.loss) for loss in losses)
    population.store()
    return [(returns_of(loop), weights(loop)) for loop in loops]


def assert_equal(population, singles):
    for (together, weights_together), (alone, weights_alone) in zip(
        population, singles, strict=True
    ):
        assert together == pytest.approx(alone, rel=1e-4)
        assert_close(weights_together, weights_alone)


def assert_close(weights, expected):
    for first, second in zip(weights, expected, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-3)


SETTINGS = [
    {"seed": 0, "rate": 1e-3, "gamma": 0.9, "entropy_regularization": 0.1},
    {"seed": 1, "rate": 3e-3, "gamma": 1.0, "entropy_regularization": 0.0},
]


@pytest.fixture(scope="module")
def alone():
    """The returns and the weights of trainings by themselves."""
    return [trained(loop_of(**settings)) for settings in SETTINGS]


@pytest.mark.slow
def test_each_member_equals_a_training_by_itself(alone):
    assert_equal(trained_together([loop_of(**settings) for settings in SETTINGS]), alone)
    assert alone[0][0] != alone[1][0]


@pytest.mark.slow
def test_a_member_goes_on_by_itself_and_back_in_its_population(alone):
    loops = [loop_of(**settings) for settings in SETTINGS]
    population = PopulationLoop(loops)
    population.collect(_NUM_STEPS)
    population.run(3)
    counted = [loop.metrics.read_and_clear(1.0)["CTR/train"] for loop in loops]
    population.store()
    assert min(counted) > 0
    assert [loop.metrics.read_and_clear(1.0)["CTR/train"] for loop in loops] == [0.0, 0.0]
    for loop in loops:
        loop.run(1)
    population.load()
    population.run(_ITERATIONS - 4)
    population.store()
    for loop, (_, expected) in zip(loops, alone, strict=True):
        assert_close(weights(loop), expected)
    assert [int(loop.agent.train_step_counter) for loop in loops] == [_ITERATIONS] * 2


def test_schedules_are_equal_where_their_numbers_are():
    schedules = [linearly_decaying_epsilon(0.1, 0, steps) for steps in (10, 10, 20)]
    same, again, different = map(_identity, schedules)
    assert same == again != different


@pytest.mark.slow
def test_what_cannot_differ_is_refused():
    name = "must be the same for all members of a population"
    refusals = {
        "the networks of a population must have no memory": [{"memory": Memory(4, 3)}] * 2,
        f"LambdaReturns.num_steps {name}, got 12 and 11": [{}, {"num_steps": 11}],
        f"PolicyGradient.normalize_advantages {name}, got True and False": [
            {},
            {"normalize_advantages": False},
        ],
        "the networks of all members of a population must have the same shapes": [
            {},
            {"units": 7},
        ],
        f"Learning.gradient_clipping {name}, got None and 1.0; numbers may differ in": [
            {},
            {"gradient_clipping": 1.0},
        ],
        "Adam.learning_rate must be numbers, or the same schedule, for all members": [
            {},
            {"rate": tf.keras.optimizers.schedules.CosineDecay(1e-3, 10)},
        ],
    }
    for message, settings in refusals.items():
        loops = [loop_of(seed=0, **each) for each in settings]
        assert_refused(lambda loops=loops: PopulationLoop(loops), message)


def all_weights(agent):
    """The weights of the network, of its target and of its average."""
    networks = [agent.network, *(copy.network for copy in agent.followers)]
    return [variable.numpy() for network in networks for variable in network.variables]


def slate_q_loop(seed, gamma, epsilon, target):
    """A loop of SlateQ from a replay, with averaged weights and exploration."""
    tf.keras.utils.set_random_seed(seed)
    environment = environment_of(seed)
    specs = environment.time_step_spec(), environment.action_spec()
    agent = SlateQAgent(
        *specs,
        SlateQNetwork(environment.observation_spec(), (8,)),
        Learning(_Adam(1e-3), average_tau=0.1, train_step_counter=tf.Variable(0, dtype=tf.int64)),
        SlateQTargets(3, gamma, 0.9, update_tau=0.5, update_period=2, target=target),
        exploration=Exploration(epsilon),
    )
    agent.initialize()
    return LearningLoop(environment, agent, Iteration(6, 20), seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", ["differential", pytest.param("q_learning", marks=pytest.mark.slow)]
)
def test_members_of_slate_q_equal_trainings_by_themselves(target):
    settings = [(0, 0.9, 0.1, target), (1, 1.0, 0.4, target)]
    loops = [slate_q_loop(*each) for each in settings]
    population = PopulationLoop(loops)
    population.collect(70)
    losses = population.run(9)
    population.store()
    for loop, loss, each in zip(loops, losses, settings, strict=True):
        alone = slate_q_loop(*each)
        alone.collect(70)
        assert loss.loss == pytest.approx(float(alone.run(9).loss), rel=1e-4)
        assert returns_of(loop) == pytest.approx(returns_of(alone), rel=1e-4)
        assert_close(all_weights(loop.agent), all_weights(alone.agent))


def test_greedy_members_are_refused_where_others_explore():
    loops = [slate_q_loop(0, 1.0, epsilon, "q_learning") for epsilon in (0.5, 0.0)]
    message = r"Exploration.epsilon must be above 0 for all .* differs, got \[0.5, 0.0\]"
    assert_refused(lambda: PopulationLoop(loops), message)


def test_other_agents_are_refused():
    message = "the agents of a population must be REINFORCE or SlateQ on SlateNetworks, got"
    assert_refused(lambda: PopulationAgent([SimpleNamespace(name="Bandit")]), message)
