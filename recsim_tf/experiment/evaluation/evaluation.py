"""Evaluation: the same users meet each policy."""

import contextlib
from collections.abc import Callable, Mapping, Sequence

import gin
import tensorflow as tf

from recsim_tf.adapters.tf_agents import rollout_policy
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Policy, initial_policy_state
from recsim_tf.experiment.evaluation.comparison import UserSweep
from recsim_tf.experiment.evaluation.measures import Measures, PolicyResult, SessionSums


@gin.configurable
class Evaluation:
    """One session for each of a number of users, under a policy; the first users are the same for
    every policy.

    Values of the environment's parameters, and seeds, can be compared in one simulation, with
    results for each. `recsim-tf simulate` and `recsim-tf evaluate` do so; the evaluations of a
    training, also with `evaluate --watch`, are of its own environment and `seed`.

        Evaluation.values = {"InterestEvolutionUsers.no_click_mass": (0.5, 1.0, 2.0),
        "UtilityVideos.max_utility": (1.0, 3.0)} Evaluation.seeds = (1, 2, 3)

    Args:
      num_users: sessions, of each value and seed.
      max_steps: sessions still running then are cut off, and counted as unfinished.
      seed: an integer; that of the users and of all that happens.
      jit_compile: whether to compile with XLA; None for XLA on GPUs and TPUs only, since an
        evaluation is short.
      values: None, or gin names of parameters, each with the values to compare; see `UserSweep`.
      seeds: None, or the seeds to compare in place of `seed`. `sweep` is the `UserSweep` of values
        and seeds, or None.

    Raises:
      ValueError: for less than two users, or if values or seeds are not as `UserSweep` needs them.
    """

    def __init__(
        self,
        num_users: int = 5000,
        max_steps: int = 2000,
        seed: int = 1,
        jit_compile: bool | None = None,
        values: Mapping[str, Sequence] | None = None,
        seeds: Sequence[int] | None = None,
    ):
        if num_users < 2:
            raise ValueError(f"num_users must be at least 2, for a standard error, got {num_users}")
        self.num_users = num_users
        self._max_steps = max_steps
        self.seed = seed
        self._jit_compile = jit_compile
        self.sweep: UserSweep | None = None
        if values or seeds is not None:
            self.sweep = UserSweep(values or {}, (seed,) if seeds is None else seeds, num_users)

    def evaluator(
        self, name: str, simulator: Simulator, policy, num_users: int | None = None
    ) -> Callable[[], PolicyResult]:
        """A function that evaluates a policy as it is at the time of the call.

        Args:
          name: of the policy, for the result.
          simulator: the environment.
          policy: a rollout policy or a TF-Agents policy.
          num_users: instead of this evaluation's.
        """
        run, measures = self._compiled(
            simulator, policy, num_users or self.num_users, contextlib.nullcontext
        )
        return lambda: PolicyResult.from_sums(
            name, run(random.as_seed(self.seed)), measures.quality
        )

    def sweep_evaluator(
        self, name: str, simulator: Simulator, policy
    ) -> Callable[[], list[PolicyResult]]:
        """A function that evaluates a policy as it is at the time of the call, with a result for
        every value and seed of `sweep`.

        Without a sweep there is one result, that of `evaluator`.

        Args:
          name: of the policy; the results of a sweep add the value and the seed.
          simulator: from `sweep.simulator`, if there is a sweep.
          policy: as for `evaluator`.
        """
        sweep = self.sweep
        if sweep is None:
            evaluate_once = self.evaluator(name, simulator, policy)
            return lambda: [evaluate_once()]
        run, measures = self._compiled(simulator, policy, sweep.num_rows, sweep.paired)

        def evaluate():
            sums = run(sweep.seed_rows())
            results = []
            for index, setting in enumerate(sweep.settings):
                rows = slice(index * sweep.num_users, (index + 1) * sweep.num_users)
                part = SessionSums(*(leaf[rows] for leaf in sums))
                results.append(
                    PolicyResult.from_sums(name, part, measures.quality).of_setting(setting)
                )
            return results

        return evaluate

    def _compiled(self, simulator: Simulator, policy, num_users: int, context):
        """A function from a seed to the sums of all sessions, traced inside `context()`, and what
        they measure.
        """
        function, policy_state = as_rollout(policy, num_users)
        measures = Measures.of(simulator.observation_spec().response)

        @compiled(jit_compile=self._jit_compile, user_steps=0)
        def run(seed):
            zeros = SessionSums.zeros(num_users, measures.num_clusters)
            with context():
                return simulator.fold(
                    function,
                    num_users,
                    self._max_steps,
                    seed,
                    SessionSums.add,
                    zeros,
                    policy_state=policy_state,
                )

        return run, measures


def as_rollout(policy, num_users: int) -> tuple[Policy, Nest]:
    """A policy for `Simulator.rollout` and its initial state, a nest of [num_users, ...], of a
    rollout policy or a TF-Agents policy.
    """
    policy = rollout_policy(policy)
    return policy, initial_policy_state(policy, num_users)


def evaluate_all(
    evaluation: Evaluation,
    simulator: Simulator,
    baselines: Sequence[tuple[str, Policy]],
    agent_name: str,
    agent_policy,
) -> list[PolicyResult]:
    """Results of the baselines, named policies, and then of the agent, which may be one of them."""
    policies = [
        *((name, policy) for name, policy in baselines if name != agent_name),
        (agent_name, agent_policy),
    ]
    return [evaluation.evaluator(name, simulator, policy)() for name, policy in policies]


def explain(
    simulator: Simulator, agent, num_slates: int = 3, num_steps: int = 5, seed: int = 1
) -> str:
    """Slates of a SlateQ agent in words: values, click probabilities and what the user did.

    Args:
      simulator: the environment.
      agent: has `action_values`, as `SlateQAgent`.
      num_slates: users to show, each after `num_steps` steps.
    """
    policy = rollout_policy(agent.policy)
    seeds = random.split_seed(random.as_seed(seed), num_steps + 2)
    state = simulator.reset(num_slates, seeds[0])
    for step_seed in seeds[1:-1]:
        state, _ = simulator.step(
            state, policy(simulator.observe(state), (), step_seed)[0], step_seed
        )
    observation = simulator.observe(state)
    slate, _ = policy(observation, (), seeds[-1])
    values = agent.action_values(observation)
    _, transition = simulator.step(state, slate, seeds[-1])
    shown = tf.reduce_sum(tf.one_hot(slate, simulator.num_candidates), axis=1)
    total = tf.reduce_sum(shown * values.weights, axis=1) + values.no_click_weight
    clicks = tf.reduce_sum(transition.response.clicked, axis=1).numpy()
    lines = []
    for user in range(num_slates):
        positions = slate[user].numpy().tolist()
        lines.append(
            f"User {user}, step {num_steps}: slate {positions}, P(no click)"
            f" {values.no_click_weight[user] / total[user]:.3f}"
        )
        lines.append(
            f"  {'candidate':>9} {'shown':>6} {'Q':>9} {'Q - Q(no click)':>16} {'click weight':>13}"
            f" {'P(click)':>9}"
        )
        for item in range(simulator.num_candidates):
            position = f"{positions.index(item) + 1}" if item in positions else ""
            probability = f"{values.weights[user, item] / total[user]:9.3f}" if position else ""
            lines.append(
                f"  {item:>9} {position:>6} {values.q_items[user, item]:9.3f}"
                f" {values.advantages[user, item]:16.3f} {values.weights[user, item]:13.3f}"
                f" {probability:>9}".rstrip()
            )
        if clicks[user]:
            chosen = positions[int(tf.argmax(transition.response.clicked[user]))]
            lines.append(
                f"  The user clicked candidate {chosen}; reward {transition.reward[user]:.3f}."
            )
        else:
            lines.append(f"  The user clicked nothing; reward {transition.reward[user]:.3f}.")
    return "\n".join(lines)
