# SPDX-License-Identifier: Apache-2.0
"""Epsilon-greedy exploration over slates."""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import TFSlatePolicy
from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, Fraction, WholeNumber, configurable
from recsim_tf.core.base.types import Nest, Policy, Seed, Turn
from recsim_tf.core.step import turns
from recsim_tf.policies.stochastic import EpsilonGreedy

# A number, or a function of the train step, such as a Keras learning-rate schedule.
Epsilon = Fraction | Callable[[tf.Variable], tf.Tensor]


def require_slates(name: str, action_spec: Nest) -> None:
    """Raises `ValueError` for actions with a query. The error names the agent."""
    turns.require_no_queries(
        name,
        Turn.of(action_spec).query,
        "train ReinforceSlateAgent, or let a layer's action_format give the agent a menu of turns",
    )


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class Exploration:
    """The frequency of random slates in the policies of an agent.

    Args:
      epsilon: probability of a uniform slate in the collect policy: a number in [0, 1], or a
        function of the train step, such as `linearly_decaying_epsilon`.
      eval_epsilon: probability of a uniform slate in the served policy (0.001 in RecSim 0.2.4).
      seed: the seed of both policies, an integer or int32 [2].
    """

    epsilon: Epsilon = 0.1
    eval_epsilon: Epsilon = 0.0
    seed: random.Seed = 0

    def policies(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        served: Policy,
        collecting: Policy,
        variables: Sequence[tf.Variable],
        train_step: tf.Variable,
    ) -> tuple[TFSlatePolicy, TFSlatePolicy]:
        """The served policy and the collect policy of an agent. The info of the collect policy has
        the policy state.

        Args:
          time_step_spec, action_spec: specs of the environment.
          served, collecting: the greedy policies of the two, with slates without repetition.
          variables: the variables that the two policies read.
          train_step: the argument of an epsilon that is a function.
        """
        num_candidates = int(action_spec.maximum.max()) + 1
        policy_seed, collect_seed = random.split_seed(random.as_seed(self.seed), 2)

        def policy(greedy: Policy, epsilon: Epsilon, wrapped_seed: Seed, **arguments):
            act = greedy
            if callable(epsilon):
                act = EpsilonGreedy(greedy, num_candidates, lambda: epsilon(train_step))
            elif epsilon:
                act = EpsilonGreedy(greedy, num_candidates, lambda: epsilon)
            read = [*variables, train_step]
            return TFSlatePolicy(time_step_spec, action_spec, act, read, wrapped_seed, **arguments)

        return (
            policy(served, self.eval_epsilon, policy_seed, name="Policy"),
            policy(
                collecting,
                self.epsilon,
                collect_seed,
                name="CollectPolicy",
                emit_state=True,
            ),
        )


@configurable(module="recsim_tf.agents")
def linearly_decaying_epsilon(
    final_epsilon: Fraction = 0.01,
    warmup_steps: WholeNumber = 20_000,
    decay_steps: Count = 250_000,
) -> Callable[[tf.Variable], tf.Tensor]:
    """RecSim 0.2.4's schedule of epsilon, with its defaults: 1 during the warm-up, then a linear
    decay to the final value.

    RecSim counts the agent's steps in an environment, and trains at every fourth step. Here the
    steps are train steps.

    Args:
      final_epsilon: final value of epsilon, in [0, 1].
      warmup_steps: number of train steps before the decay.
      decay_steps: number of train steps of the decay, at least 1.
    """
    decay = tf.keras.optimizers.schedules.PolynomialDecay(
        1.0, decay_steps, final_epsilon, power=1.0
    )

    def epsilon(train_step: tf.Variable):
        return decay(tf.maximum(tf.cast(train_step, tf.int64) - warmup_steps, 0))

    return epsilon
