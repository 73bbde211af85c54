# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.agents.slate_q import ClickNetwork, SlateQAgent, SlateQNetwork, losses
from recsim_tf.core import random
from recsim_tf.core.models.explanations import explanation_of
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies.choice_scores import AffinityScores, LearnedScores
from recsim_tf.policies.slates import slate_optimizer
from tests.agents import experience as made
from tests.agents.experience import (
    ACTION_SPEC,
    LAST,
    NUM_CANDIDATES,
    OBSERVATION_SPEC,
    SLATE_SIZE,
    TIME_STEP_SPEC,
    slate_q_options,
)
from tests.agents.slate_q import reference
from tests.alike import assert_close, assert_shares

NUM_SLATES = NUM_CANDIDATES * (NUM_CANDIDATES - 1)


def randomize(network, seed):
    rng = np.random.default_rng(seed)
    network.create_variables()
    for variable in network.variables:
        variable.assign(rng.normal(0, 0.7, variable.shape))


def random_network(seed=1, **kwargs):
    network = SlateQNetwork(OBSERVATION_SPEC, (6,), **kwargs)
    randomize(network, seed)
    return network


def slate_q(network=None, learning_rate=0.05, optimizer=None, **kwargs):
    """An agent whose target network has the weights of its network."""
    optimizer = optimizer or tf.keras.optimizers.SGD(learning_rate)
    agent = SlateQAgent(
        TIME_STEP_SPEC,
        ACTION_SPEC,
        network or random_network(),
        **slate_q_options({"optimizer": optimizer, **kwargs}),
    )
    agent.initialize()
    return agent


def agent_with_another_target(network_arguments=None, **kwargs):
    """An agent whose networks differ, and a network with the weights of its target."""
    network = random_network(1, **(network_arguments or {}))
    agent = slate_q(network, **kwargs)
    randomize(network, 2)
    return agent, random_network(1, **(network_arguments or {}))


def choice_values(observation, network):
    """Choice weights and values of the network as numpy, [B, N], [B], [B, N], [B]."""
    weights, no_click_weight = AffinityScores()(observation)
    (q_items, q_no_click), _ = network(observation)
    return [value.numpy() for value in (weights, no_click_weight, q_items, q_no_click)]


def hand_calculation(experience, network, target_network, target, gamma=0.9, scale=1.0):
    """Target [B], in units of scaled reward, and the network's values of what was shown."""
    now, later = made.step_of(experience, 0), made.step_of(experience, 1)
    next_values = choice_values(later.observation, target_network)
    if target == "q_learning":
        next_value = reference.best_values(*next_values, SLATE_SIZE)
    elif target == "sarsa":
        next_value = reference.slate_values(*next_values, later.action.numpy())
    else:
        next_value = 0.0
    _, _, q_items, q_no_click = choice_values(now.observation, network)
    target = scale * now.reward.numpy() + gamma * now.discount.numpy() * next_value
    return target, q_items, q_no_click


NO_CLICKS = {
    "relative": {"no_click": "learned", "relative": True},
    "absolute": {"no_click": "learned", "relative": False},
    "zero": {"no_click": "zero"},
}


@pytest.mark.parametrize(
    ("target", "no_click"),
    [
        *(("q_learning", no_click) for no_click in NO_CLICKS),
        *(("sarsa", "relative"), ("myopic", "zero")),
    ],
)
def test_the_loss_is_that_of_a_hand_calculation(target, no_click):
    experience = made.batch()
    agent, target_network = agent_with_another_target(
        NO_CLICKS[no_click], target=target, gamma=0.9, reward_scale_factor=0.5
    )
    expected, q_items, q_no_click = hand_calculation(
        experience, agent.network, target_network, target, scale=0.5
    )
    slate = experience.action[:, 0].numpy()
    clicked = experience.observation.response.clicked[:, 1].numpy()
    valid = experience.step_type[:, 0].numpy() != LAST
    has_click = clicked.any(-1)
    counts = valid & has_click if no_click == "zero" else valid
    loss, parts = agent.loss(experience)
    np.testing.assert_allclose(
        loss, reference.td_loss(q_items, q_no_click, slate, clicked, expected, counts), rtol=1e-5
    )
    np.testing.assert_allclose(parts.td_loss, loss)
    assert parts.choice_loss == 0
    # The parts are in units of reward, which counts half here.
    q_click = (reference.shown(q_items, slate) * clicked).sum(-1)
    np.testing.assert_allclose(parts.q_click, 2 * q_click[valid & has_click].mean(), rtol=1e-5)
    np.testing.assert_allclose(parts.q_no_click, 2 * q_no_click[valid].mean(), rtol=1e-5)
    np.testing.assert_allclose(parts.target, 2 * expected[valid].mean(), rtol=1e-5)


def test_the_target_uses_the_slates_of_its_own_optimiser():
    experience = made.batch()
    for name in ("top_k", "greedy"):
        agent, target_network = agent_with_another_target(target_slates=name)
        later = made.step_of(experience, 1).observation
        values = losses.SlateValues.of(
            *(tf.constant(value) for value in choice_values(later, target_network))
        )
        slate = values.best_slate(slate_optimizer(name), SLATE_SIZE).numpy()
        next_value = reference.slate_values(*reference.quantities(values), slate)
        valid = experience.step_type[:, 0].numpy() != LAST
        target = experience.reward[:, 0] + experience.discount[:, 0] * next_value
        np.testing.assert_allclose(
            agent.loss(experience).extra.target, target.numpy()[valid].mean(), rtol=1e-5
        )


def test_weights_of_transitions_weigh_their_errors():
    agent, names = slate_q(), list(made.ROWS)
    weights = np.float32([1.0, 2.0, 0.0, 0.5, 3.0, 7.0, 1.5])
    alone = [agent.loss(made.batch(), weights=row).loss for row in tf.eye(7)]
    used = np.where(np.array(names) == "boundary", 0.0, weights)
    np.testing.assert_allclose(
        agent.loss(made.batch(), weights=weights).loss, np.average(alone, weights=used), rtol=1e-5
    )
    assert alone[names.index("boundary")] == 0


def changed(experience, name, step):
    """Experience with another user and other documents at one step of the row of that name."""
    other, index = made.observation(1, seed=99), [[list(made.ROWS).index(name), step]]
    user, documents = (
        tf.tensor_scatter_nd_update(leaf, index, one)
        for leaf, one in zip(experience.observation[:2], other[:2], strict=True)
    )
    return experience._replace(
        observation=experience.observation._replace(user=user, documents=documents)
    )


def test_the_pair_of_a_last_step_and_the_next_first_is_no_transition():
    agent, experience = slate_q(), made.batch()
    loss = agent.loss(experience).loss
    other = experience._replace(
        reward=experience.reward
        * tf.constant([[-3.0 if name == "boundary" else 1.0] for name in made.ROWS])
    )
    for step in (0, 1):
        other = changed(other, "boundary", step)
    np.testing.assert_array_equal(agent.loss(other).loss, loss)


@pytest.mark.parametrize("target", ["q_learning", "sarsa"])
def test_only_discount_zero_stops_bootstrapping(target):
    agent, experience = slate_q(target=target), made.batch()
    loss = agent.loss(experience).loss.numpy()
    for name in ("leaves", "leaves without a click"):
        assert agent.loss(changed(experience, name, step=1)).loss.numpy() == loss
    for name in ("truncated", "click", "no click"):
        assert agent.loss(changed(experience, name, step=1)).loss.numpy() != loss


def test_steps_without_a_click_teach_nothing_where_the_no_click_value_is_zero():
    experience = made.batch()
    rewarded = experience._replace(
        reward=experience.reward + [[50.0 if "no click" in name else 0.0] for name in made.ROWS]
    )
    for arguments, teaches in [({"no_click": "zero"}, False), ({}, True)]:
        agent = slate_q(random_network(**arguments))
        assert (agent.loss(rewarded).loss != agent.loss(experience).loss) == teaches


def test_a_batch_that_teaches_nothing_has_loss_zero_and_leaves_the_weights():
    agent = slate_q(random_network(no_click="zero"))
    before = [variable.numpy() for variable in agent.network.variables]
    assert agent.train(made.batch(["no click", "leaves without a click", "boundary"])).loss == 0
    for variable, value in zip(agent.network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_no_gradient_flows_through_the_target():
    # With one weight set in network and target, the gradient must be that with the target held
    # fixed.
    experience, network, learning_rate = made.batch(["click", "no click"]), random_network(), 0.1
    agent = slate_q(network, learning_rate=learning_rate, gamma=1.0)
    target, _, _ = hand_calculation(experience, network, network, "q_learning", gamma=1.0)
    now = made.step_of(experience, 0)
    with tf.GradientTape() as tape:
        (q_items, q_no_click), _ = network(now.observation)
        q = tf.stack([q_items[0, now.action[0, 1]], q_no_click[1]])
        loss = tf.reduce_mean((q - target) ** 2)
    gradients = tape.gradient(loss, network.trainable_weights)
    expected = [
        weight - learning_rate * (0 if gradient is None else gradient)
        for weight, gradient in zip(network.trainable_weights, gradients, strict=True)
    ]
    agent.train(experience)
    for weight, value in zip(network.trainable_weights, expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-4, atol=1e-6)


def test_the_gradient_of_each_variable_is_clipped_to_a_norm():
    network = random_network()
    agent = slate_q(network, learning_rate=1.0, gradient_clipping=0.01)
    before = [weight.numpy() for weight in network.trainable_weights]
    agent.train(made.batch())
    for weight, value in zip(network.trainable_weights, before, strict=True):
        np.testing.assert_allclose(np.linalg.norm(weight.numpy() - value), 0.01, rtol=1e-3)


def moved(average, network, tau):
    """Moves the weights of `average` that part of the way to those of `network`."""
    pairs = zip(average.get_weights(), network.get_weights(), strict=True)
    average.set_weights([(1 - tau) * a + tau * n for a, n in pairs])


@pytest.mark.parametrize(("tau", "period"), [(1.0, 3), (0.3, 1)])
def test_a_target_update_moves_part_of_the_way_each_period(tau, period):
    experience, network = made.batch(), random_network()
    agent = slate_q(network, update_tau=tau, update_period=period)
    target_network, valid = random_network(), experience.step_type[:, 0].numpy() != LAST
    for step in range(1, period + 3):
        target, _, _ = hand_calculation(
            experience, network, target_network, "q_learning", gamma=1.0
        )
        np.testing.assert_allclose(
            agent.train(experience).extra.target, target[valid].mean(), rtol=1e-4
        )
        if step % period == 0:
            moved(target_network, network, tau)


def test_the_policy_serves_averaged_weights_and_the_collect_policy_current_ones():
    experience, network, step = made.batch(), random_network(), made.time_step(200, seed=5)
    agent = slate_q(network, learning_rate=0.3, average_tau=0.25, epsilon=0.0)
    average = random_network()
    for _ in range(3):
        agent.train(experience)
        moved(average, network, 0.25)
    values = agent.action_values(step.observation)
    (q_items, q_no_click), _ = average(step.observation)
    np.testing.assert_allclose(values.q_items, q_items, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(values.q_no_click, q_no_click, rtol=1e-4, atol=1e-5)
    for policy, serving in ((agent.policy, average), (agent.collect_policy, network)):
        slate = policy.action(step).action.numpy()
        served = choice_values(step.observation, serving)
        best = reference.best_values(*served, SLATE_SIZE)
        np.testing.assert_allclose(
            reference.slate_values(*served, slate), best, rtol=1e-4, atol=1e-5
        )


def test_the_policy_uses_the_serving_optimiser():
    step = made.time_step(100, seed=3)
    for name in ("top_k", "greedy", "exact"):
        agent = slate_q(serving_slates=name)
        values = agent.action_values(step.observation)
        expected = values.best_slate(slate_optimizer(name), SLATE_SIZE)
        np.testing.assert_array_equal(agent.policy.action(step).action, expected)


def test_the_policy_explains_its_slates_by_values_in_units_of_reward():
    agent = slate_q(reward_scale_factor=0.1, eval_epsilon=0.5)
    observation = made.observation(6, seed=1)
    policy, seed = rollout_policy(agent.policy), random.as_seed(3)
    explained = explanation_of(policy, observation, (), seed)
    values = agent.action_values(observation)
    (q_items, q_no_click), _ = random_network()(observation)
    np.testing.assert_allclose(values.q_items, 10 * q_items, rtol=1e-5)
    np.testing.assert_allclose(values.q_no_click, 10 * q_no_click, rtol=1e-5)
    np.testing.assert_allclose(explained.candidates["Q"], values.q_items)
    np.testing.assert_allclose(explained.candidates["Q - Q(no click)"], values.advantages)
    best = values.best_slate(slate_optimizer("exact"), SLATE_SIZE)
    of_best = tf.reduce_any(best[:, :, tf.newaxis] == tf.range(NUM_CANDIDATES), axis=1)
    clicks = explained.candidates["P(click)"].numpy()
    np.testing.assert_array_equal(np.isnan(clicks), ~of_best.numpy())
    total = np.nansum(clicks, axis=1) + explained.user["P(no click)"]
    np.testing.assert_allclose(total, np.ones(6), rtol=1e-6)


def explored_part(policy, num_users=4000):
    """Part of the users who are not shown the greedy slate."""
    step = made.time_step(num_users, seed=4)
    greedy = slate_q().policy.action(step).action
    shown = policy.action(step).action
    assert all(len(set(slate)) == SLATE_SIZE for slate in shown.numpy())
    return np.mean((greedy != shown).numpy().any(-1))


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_the_served_policy_shows_random_slates_with_probability_eval_epsilon(epsilon):
    agent = slate_q(epsilon=0.3 - epsilon, eval_epsilon=epsilon)
    for policy, probability in ((agent.policy, epsilon), (agent.collect_policy, 0.3 - epsilon)):
        # One in `NUM_SLATES` random slates is the greedy one by chance.
        expected = probability * (1 - 1 / NUM_SLATES)
        assert_shares(explored_part(policy), expected, 4000)


def test_epsilon_may_be_a_function_of_the_train_step():
    def epsilon(step):
        return tf.where(step < 1, 1.0, 0.0)

    agent = slate_q(learning_rate=0.0, epsilon=epsilon, eval_epsilon=epsilon)
    policies = agent.policy, agent.collect_policy
    assert min(explored_part(policy, 200) for policy in policies) > 0.8
    agent.train(made.batch())
    assert [explored_part(policy, 200) for policy in policies] == [0, 0]
    assert any(variable is agent.train_step_counter for variable in agent.policy.variables())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "jit_compile"),
    [(tf.keras.optimizers.Adam, True), (tf.keras.optimizers.legacy.Adam, False)],
    ids=["adam by xla", "legacy adam"],
)
def test_the_train_step_compiles_and_traces_once(optimizer, jit_compile):
    arguments = {"update_period": 2, "average_tau": 0.1, "gradient_clipping": 1.0}
    eager, other = (slate_q(optimizer=optimizer(0.01), **arguments) for _ in range(2))
    experience = made.batch()
    train = compiled(other.train, jit_compile=jit_compile)
    tracings = []
    for _ in range(4):
        expected, got = eager.train(experience), train(experience)
        assert_close(got, expected, rtol=1e-4, atol=1e-4)
        tracings.append(train.experimental_get_tracing_count())
    # An optimizer without `build` makes its variables in the first call, which traces twice.
    assert tracings[0] <= 2
    assert tracings[1:] == [tracings[0]] * 3
    assert other.train_step_counter == 4


def test_choice_scores_are_learned_by_default_where_there_is_no_affinity():
    without_vectors = ts.time_step_spec(
        OBSERVATION_SPEC._replace(user=tf.TensorSpec([NUM_CANDIDATES + 5], tf.float32))
    )
    agents = [
        SlateQAgent(
            spec,
            ACTION_SPEC,
            SlateQNetwork(spec.observation, (4,)),
            made.learning(),
        )
        for spec in (TIME_STEP_SPEC, without_vectors)
    ]
    assert [type(agent.choice_scores) for agent in agents] == [AffinityScores, LearnedScores]
    learned = {id(weight) for weight in agents[1]._trainable_weights()}
    weights = agents[1].choice_scores.network.trainable_weights
    assert {id(weight) for weight in weights} <= learned


def test_learned_choice_scores_are_those_of_their_network_and_it_learns_by_likelihood():
    choice_network = ClickNetwork(OBSERVATION_SPEC, (6,))
    randomize(choice_network, 3)
    agent = slate_q(choice_scores=LearnedScores(choice_network))
    experience = made.batch()
    now, later = made.step_of(experience, 0), made.step_of(experience, 1)
    (logits, no_click_logit), _ = choice_network(now.observation)
    shown = np.exp(reference.shown(logits.numpy(), now.action.numpy()))
    total = shown.sum(-1) + np.exp(no_click_logit)
    clicked = later.observation.response.clicked.numpy()
    probability = (
        np.where(clicked.any(-1), (clicked * shown).sum(-1), np.exp(no_click_logit)) / total
    )
    valid = now.step_type.numpy() != LAST
    loss, parts = agent.loss(experience)
    np.testing.assert_allclose(parts.choice_loss, -np.log(probability)[valid].mean(), rtol=1e-5)
    np.testing.assert_allclose(loss, parts.td_loss + parts.choice_loss, rtol=1e-6)
    weights, no_click_weight = agent.choice_scores(now.observation)
    np.testing.assert_allclose(
        weights / no_click_weight[:, tf.newaxis],
        np.exp(logits - no_click_logit[:, tf.newaxis]),
        rtol=1e-4,
    )


def test_empty_positions_take_no_part_in_the_choice_loss():
    logits, no_click_logit = tf.Variable([[0.3, 9.0], [0.5, -0.2]]), tf.Variable([0.1, 0.4])
    choices = losses.Choices(
        slate=tf.constant([[2, -1], [0, 3]]),
        clicked=tf.constant([[1.0, 0.0], [0.0, 0.0]]),
        **dict.fromkeys(("reward_target", "cost_target", "reward"), tf.zeros([2])),
        valid=tf.ones([2]),
    )
    with tf.GradientTape() as tape:
        loss = losses.choice_loss(
            logits, no_click_logit, choices, losses.Totals(2.0, 1.0, 0.0, 0.0)
        )
    first = np.exp(0.3) / (np.exp(0.3) + np.exp(0.1))
    second = np.exp(0.4) / (np.exp(0.5) + np.exp(-0.2) + np.exp(0.4))
    np.testing.assert_allclose(loss, -np.log([first, second]).mean(), rtol=1e-6)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0, 1] == 0
