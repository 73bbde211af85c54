# SPDX-License-Identifier: Apache-2.0
"""Whole sessions, simulated with the policy that logged."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import AnyPolicy, as_rollout
from recsim_tf.fitting.validation.outcomes import Outcomes, ids_of, outcomes_of
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.logs.log import Log
from recsim_tf.logs.plans import SessionPlan
from recsim_tf.ope.simulated import check_policy_of


class ClosedLoop:
    """A log's sessions, and whole sessions that are simulated with the policy that logged.

    Users have the logged initial draws. What the log lacks of them is drawn from the models given
    these, and not given the session, so that simulated sessions do not know the logged ones. The
    candidates are those of the log if it has a table of candidates, else those of the models.
    Sessions end where the log would have cut them, see `SessionPlan`.

    Args:
      simulator: the simulator, whose parameters are scalars or tables, not [B].
      logging: the policy that logged.
      log: the sessions.
      batch_size: the most logged sessions that are computed at once.

    Raises:
      ValueError: if the log lacks what the models need, or the policy is not for the simulator.
    """

    is_closed_loop = True

    def __init__(self, simulator: Simulator, logging: AnyPolicy, log: Log, batch_size: int = 1000):
        self._logged = Resimulation(simulator, log, batch_size)
        self.log = log
        self.users_leave = self._logged.users_leave
        self.innovations_are_latent = self._logged.innovations_are_latent
        self.initial_is_latent = self._logged.initial_is_latent
        self.vectors = self._logged.vectors
        plan = SessionPlan(simulator, log, log.num_sessions, given_session=False)
        simulator = plan.simulator
        check_policy_of(simulator, logging)
        num_users, num_steps = log.num_sessions, log.max_length
        policy, policy_state = as_rollout(logging, num_users)
        last, last_day = plan.ends

        def run(seed: tf.Tensor) -> tuple[Outcomes, Any]:
            start_seed, seed = random.split_seed(seed, 2)
            trajectory = simulator.rollout(
                policy,
                num_users,
                num_steps,
                seed,
                policy_state=policy_state,
                state=plan.start(simulator, num_users, start_seed),
            )

            def of_step(step, state, transition):
                counts, left = transition.active & (step < last), transition.terminated
                if not isinstance(last_day, tuple):
                    end = tf.constant(last_day, state.user.day.dtype)
                    counts &= state.user.day < end
                    days = transition.draws.innovation.visit.days
                    left |= state.user.day + tf.maximum(tf.cast(days, end.dtype), 0) >= end
                transition = transition._replace(active=counts, terminated=left)
                shown = nests.take(state.candidates, tf.maximum(transition.slate, 0))
                return outcomes_of(simulator, state, transition), shown

            def write(arrays, step, state, transition, log_probs):
                return nests.write(arrays, step, of_step(step, state, transition))

            # Only the shapes are of use, so that a graph loses this step.
            first = nests.at_step(trajectory.transitions, 0)
            like = of_step(0, simulator.initial_state(trajectory.initial), first)
            arrays = nests.arrays_like(like, num_steps)
            return nests.stack(simulator.retrace(trajectory, write, arrays, score=False))

        self._run = compiled(run)

    def observed(self, seed: Seed = 0) -> Outcomes:
        """The logged sessions, see `Resimulation.observed`."""
        return self._logged.observed(seed)

    def simulated(self, seed: Seed, number: int) -> Iterator[Outcomes]:
        """So many simulations of as many sessions as the log has, with an integer or int32 [2] as
        seed.
        """
        for own_seed in random.split_seed(seed, number + 1)[:number]:
            outcomes, shown = tf.nest.map_structure(
                lambda leaf: np.swapaxes(leaf.numpy(), 0, 1), traced_call(self._run, own_seed)
            )
            yield outcomes._replace(documents=ids_of(shown))
