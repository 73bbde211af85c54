# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice, policies
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled, side_by_side
from tests.alike import assert_close
from tests.core.rollout_digest import (
    NUM_STEPS,
    NUM_USERS,
    SLATE_SIZE,
    digest,
    graph_rollout,
    rollout,
    small_simulator,
)
from tests.core.toy import toy_simulator
from tests.processes import run_python
from tests.rollout_policies import uniform_random

SEED = random.as_seed(11)


@pytest.fixture(scope="module")
def simulator():
    return small_simulator()


@pytest.fixture(scope="module")
def functions(simulator):
    """The simulator's methods, compiled by XLA."""

    def count(carry, transition):
        return carry[0] + transition.reward, carry[1] + tf.cast(transition.active, tf.int32)

    def fold(seed):
        initial = (tf.zeros([NUM_USERS]), tf.zeros([NUM_USERS], tf.int32))
        return simulator.fold(
            uniform_random(SLATE_SIZE), NUM_USERS, NUM_STEPS, seed, count, initial
        )

    methods = {
        "reset": lambda seed: simulator.reset(NUM_USERS, seed),
        "step": simulator.step,
        "rollout": lambda seed: rollout(simulator, seed),
        "auto_reset_rollout": lambda seed: rollout(simulator, seed, auto_reset=True),
        "fold": fold,
        "log_prob": simulator.log_prob,
        "replay": simulator.replay,
    }
    return {name: compiled(method, jit_compile=True) for name, method in methods.items()}


@pytest.fixture(scope="module")
def graph_trajectory():
    return graph_rollout(11)


@pytest.mark.slow
def test_everything_compiles_and_nothing_is_traced_again_for_another_seed(functions):
    for seed in (SEED, random.as_seed(12)):
        state = functions["reset"](seed)
        slate = tf.tile(tf.range(SLATE_SIZE)[tf.newaxis], [NUM_USERS, 1])
        for step_seed in random.split_seed(seed, 2):
            state, transition = functions["step"](state, slate, step_seed)
        assert transition.reward.shape == [NUM_USERS]
        trajectory = functions["rollout"](seed)
        assert trajectory.transitions.reward.shape == [NUM_STEPS, NUM_USERS]
        assert functions["auto_reset_rollout"](seed).transitions.active.numpy().all()
        reward, num_steps = functions["fold"](seed)
        np.testing.assert_allclose(
            reward, tf.reduce_sum(trajectory.transitions.reward, 0), rtol=1e-6
        )
        np.testing.assert_array_equal(num_steps, np.sum(trajectory.transitions.active, 0))
        assert np.isfinite(functions["log_prob"](trajectory).total).all()
        assert functions["replay"](trajectory).user.budget.shape == [NUM_STEPS, NUM_USERS]
    assert {
        name: function.experimental_get_tracing_count() for name, function in functions.items()
    } == dict.fromkeys(functions, 1)


@pytest.mark.slow
def test_the_same_draws_give_the_same_states_and_scores(simulator, functions, graph_trajectory):
    expected = compiled(
        lambda trajectory: (simulator.replay(trajectory), simulator.log_prob(trajectory))
    )(graph_trajectory)
    actual = functions["replay"](graph_trajectory), functions["log_prob"](graph_trajectory)
    assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def test_eager_and_graph_make_the_same_trajectory(simulator, graph_trajectory):
    assert_close(rollout(simulator, SEED), graph_trajectory, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_two_processes_make_the_same_trajectory_bit_for_bit(graph_trajectory):
    other = run_python("-m", "tests.core.rollout_digest")
    assert other.stdout.split()[-1:] == [digest(graph_trajectory)], other.stderr


def test_graph_mode_draws_with_philox_and_xla_on_the_cpu_with_threefry():
    def draw(seed):
        return random.uniform([4], seed)

    with random.algorithm("threefry"):
        threefry = tf.function(draw, jit_compile=True, autograph=False)(SEED)
    np.testing.assert_array_equal(compiled(draw)(SEED), draw(SEED))
    np.testing.assert_array_equal(compiled(draw, jit_compile=True)(SEED), threefry)


# AutoGraph itself makes syntax trees in a way that Python 3.13 deprecates.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_plain_function_of_the_user_prints_nothing(caplog):
    simulator = toy_simulator()
    choice_model = choice.MultinomialLogit(0.0)

    @tf.function
    def everything(seed, scores):
        policy = policies.random_policy(simulator)
        trajectory = simulator.rollout(policy, num_users=3, num_steps=2, seed=seed)
        state = simulator.reset(3, seed)
        slate, _ = policy(simulator.observe(state), (), seed)
        state, _ = simulator.step(state, slate, seed)
        drawn = choice_model(scores).sample(seed=seed)
        noise = random.normal([3], seed) + random.uniform([3], seed)
        return simulator.log_prob(trajectory).user + noise, drawn, simulator.replay(trajectory)

    everything(tf.constant([0, 1]), tf.zeros([3, 2]))
    assert not [record.message for record in caplog.records if "AutoGraph" in record.message]


@pytest.mark.slow
def test_shards_side_by_side_are_those_one_after_the_other_bit_for_bit(simulator):
    shard = compiled(lambda seed: rollout(simulator, seed), jit_compile=True)
    seeds = tf.stack(random.split_seed(3, 5))
    together = side_by_side(shard)(seeds)
    for number, seed in enumerate(tf.unstack(seeds)):
        tf.nest.map_structure(
            lambda leaf, expected, number=number: np.testing.assert_array_equal(
                leaf[number], expected
            ),
            together,
            shard(seed),
        )
    assert shard.experimental_get_tracing_count() == 1


def test_side_by_side_takes_several_inputs_as_a_nest():
    add = compiled(lambda pair: {"sum": pair[0] + pair[1], "none": ()})
    found = side_by_side(add)((tf.constant([1.0, 2.0]), tf.constant([10.0, 20.0])))
    np.testing.assert_array_equal(found["sum"], [11.0, 22.0])
    assert found["none"] == ()


@pytest.mark.slow
def test_compiled_programs_are_kept_in_a_folder(tmp_path):
    code = (
        "import recsim_tf, tensorflow as tf;"
        "from recsim_tf.core.runs.execution import compiled;"
        "print(compiled(lambda x: tf.sin(x) + 1, jit_compile=True)(tf.ones([3])).numpy())"
    )
    folder = tmp_path / "compiled" / "here"
    printed = [run_python("-c", code, RECSIM_TF_COMPILED=str(folder)).stdout for _ in range(2)]
    (program,) = folder.glob("recsim_tf_programs/*.pb.*")
    assert {path.name for path in program.parent.iterdir()} == {program.name, "key"}
    assert printed[0] == printed[1] != ""
