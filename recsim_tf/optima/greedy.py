# SPDX-License-Identifier: Apache-2.0
"""Optima of environments in which actions change neither users nor the documents to come.

There the next slate alone depends on an action, so the policy that knows all and shows the slate of
the largest expected reward is optimal.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from recsim_tf.choice import IndependentClicks, MultinomialLogit, MultinomialProportional
from recsim_tf.core import nests, random
from recsim_tf.core.base.types import SimulatorState, Slate
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator, click_reward
from recsim_tf.environments.page_clicks.documents import ShownItem
from recsim_tf.optima.bound import BOUND, OPTIMUM, Bound, Sessions, require
from recsim_tf.optima.informed import described, whole_worlds
from recsim_tf.support.means import Mean

# state -> the scores of the candidates, [B, N]
Scores = Callable[[SimulatorState], tf.Tensor]
# (state, slate int32 [B, K], its scores [B, K]) -> the expected reward, [B]
Expected = Callable[[SimulatorState, tf.Tensor, tf.Tensor], tf.Tensor]


def greedy_optimum(
    simulator: Simulator, sessions: Sessions, scores: Scores, expected: Expected, proof: str
) -> Bound:
    """The optimum where users and documents do not depend on actions, and the slate of the K
    largest scores has the largest expected reward. Users do not leave.
    """

    @compiled(user_steps=0)
    def best(state: SimulatorState) -> tuple[tf.Tensor, tf.Tensor]:
        top = tf.math.top_k(scores(state), simulator.slate_size)
        return top.indices, expected(state, top.indices, top.values)

    def policy(state: SimulatorState, step: int) -> tf.Tensor:
        return best(state)[0]

    num_steps = sessions.steps()
    first, *seeds = random.split_seed(sessions.seed, 1 + num_steps)
    state = simulator.reset(whole_worlds(simulator, sessions), first)
    advance = compiled(user_steps=0)(simulator.step)
    returns = np.zeros(len(state.done))
    for seed in seeds:
        slate, reward = best(state)
        returns += reward.numpy()
        state, _ = advance(state, slate, seed)
    mean = Mean.of(returns, _worlds(simulator, len(returns)))
    return Bound(mean.value, mean.standard_error, OPTIMUM, proof, policy)


def interest_exploration(simulator: Simulator, sessions: Sessions) -> Bound:
    """The optimum of interest exploration with known affinities."""
    users = simulator.users
    require_clicks(simulator)

    def scores(state: SimulatorState) -> tf.Tensor:
        return users.scores(state.user, described(simulator, state))

    return greedy_optimum(
        simulator,
        sessions,
        scores,
        _click_prob(simulator),
        "Users do not change and candidates do not depend on slates. The K largest scores have the"
        " largest probability of a click.",
    )


def news(simulator: Simulator, sessions: Sessions) -> Bound:
    """The optimum of the news with known tastes and qualities."""
    users = simulator.users
    require_clicks(simulator)

    def scores(state: SimulatorState) -> tf.Tensor:
        article = described(simulator, state)
        fresh = 2.0 ** (-article.age / users.per_user("half_life", 2))
        taste = nests.take(state.user, article.cluster_id)
        return taste + article.quality + users.per_user("freshness", 2) * fresh

    return greedy_optimum(
        simulator,
        sessions,
        scores,
        _click_prob(simulator),
        "Tastes do not change, and articles appear and age whatever is shown. The K largest scores"
        " have the largest probability of a click.",
    )


def page_clicks(simulator: Simulator, sessions: Sessions) -> Bound:
    """The optimum of page clicks with known effects of items."""
    users, documents = simulator.users, simulator.documents
    require("reward_fn", "click_reward", simulator.reward_fn, simulator.reward_fn is click_reward)
    # Past clicks on documents that stay are known after a look at them.
    resampled = simulator.resample_documents
    require("resample_documents", "True", resampled, resampled)
    model = users.click_model
    is_independent = type(model) is IndependentClicks
    require("click_model of the users", "IndependentClicks()", type(model), is_independent)
    effects = np.unique(np.asarray(users.position_effect))
    require("position_effect of the users", "one number", effects.tolist(), len(effects) == 1)
    probs = documents.per_user("affinity_probs", 2)

    def scores(state: SimulatorState) -> tf.Tensor:
        return described(simulator, state).appeal

    def expected(state: SimulatorState, slate: tf.Tensor, appeal: tf.Tensor) -> tf.Tensor:
        items = nests.take(described(simulator, state), slate)
        clicks = [
            users.response(
                state.user, Slate(ShownItem(items, tf.fill(slate.shape, affinity)), slate >= 0)
            ).mean()
            for affinity in range(documents.max_affinity + 1)
        ]
        return tf.reduce_sum(probs * tf.reduce_sum(tf.stack(clicks, axis=-1), axis=1), axis=-1)

    return greedy_optimum(
        simulator,
        sessions,
        scores,
        expected,
        "Users do not change, candidates do not depend on pages, and past clicks are drawn for"
        " shown items alike. The K items of the largest appeal have the most expected clicks.",
    )


def drifting_taste(simulator: Simulator, sessions: Sessions) -> Bound:
    """A choice in every step: the optimum where a choice is certain, else a bound."""
    require_clicks(simulator)
    num_steps = float(sessions.steps())
    mass = np.max(np.asarray(getattr(simulator.users.choice_model, "no_click_mass", 0.0)))
    if type(simulator.users.choice_model) is MultinomialLogit and mass == -np.inf:
        proof = "Users choose in every step, whatever is shown."
        return Bound(num_steps, 0.0, OPTIMUM, proof, _first_candidates(simulator))
    return Bound(num_steps, 0.0, BOUND, "Users choose at most once in a step.")


def require_clicks(simulator: Simulator) -> None:
    """Requires a multinomial choice whose clicks are rewarded."""
    require("reward_fn", "click_reward", simulator.reward_fn, simulator.reward_fn is click_reward)
    model = type(simulator.users.choice_model)
    require(
        "choice_model of the users",
        "MultinomialLogit or MultinomialProportional",
        model,
        model in (MultinomialLogit, MultinomialProportional),
    )


def _click_prob(simulator: Simulator) -> Expected:
    def click_prob(state: SimulatorState, slate: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        weights = simulator.users.choice_model.weights(scores)
        return 1 - weights[:, -1] / tf.reduce_sum(weights, axis=1)

    return click_prob


def _first_candidates(simulator: Simulator):
    slate = tf.range(simulator.slate_size)[tf.newaxis]

    def policy(state: SimulatorState, step: int) -> tf.Tensor:
        return tf.tile(slate, [len(state.done), 1])

    return policy


def _worlds(simulator: Simulator, num_sessions: int) -> np.ndarray | None:
    """The world of each session, int [B]. Sessions of a world are not independent."""
    size = simulator.users_per_world
    return None if size is None else np.arange(num_sessions) // size
