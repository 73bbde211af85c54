# SPDX-License-Identifier: Apache-2.0
"""The records that pass between the simulator, its models and its callers.

B is the number of users, N of candidates a user, K of slate positions, T of steps. W is the number
of corpora: B, or the number of worlds where users share them. "Nest" means any structure of
tensors.
"""

from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import tensorflow as tf

from recsim_tf.core.nests import Nest as Nest
from recsim_tf.core.random import Seed as Seed
from recsim_tf.support.summaries import summary_html, summary_text

# Types of the records of a model, nests of [B, ...]. They tell an editor the fields of the records.
UserT = TypeVar("UserT")  # the users' state
DocumentT = TypeVar("DocumentT")  # documents as users meet them
ResponseT = TypeVar("ResponseT")


class Slate(NamedTuple, Generic[DocumentT]):
    """The documents in slate order, and the query of the system, which `UserModel` reads."""

    documents: DocumentT  # nest of [B, K, ...], from `DocumentModel.show`
    mask: tf.Tensor  # bool [B, K]: False where a short slate is padded
    query: Nest = ()  # nest of [B, ...], () where the simulator has no `query_spec`


class Turn(NamedTuple):
    """An agent's action where the simulator has a `query_spec`: a slate, and a query beside it."""

    slate: tf.Tensor  # int32 [B, K]: candidate positions, -1 where a short slate is padded
    query: Nest = ()  # nest of [B, ...], of the structure of `query_spec`

    @classmethod
    def of(cls, action: Nest) -> "Turn":
        """The turn of an action, which may be a slate alone."""
        return action if isinstance(action, Turn) else cls(action)

    @property
    def action(self) -> Nest:
        """The action of an agent: the turn, or the slate alone where there is no query."""
        return self if tf.nest.flatten(self.query) else self.slate


class Clicks(NamedTuple):
    """The smallest response, which holds only clicks."""

    clicked: tf.Tensor  # float [B, K], 1 at the clicked position


class Observation(NamedTuple):
    """The users, candidates and last responses that an agent sees before it chooses a slate."""

    user: Nest  # nest of [B, ...]
    documents: Nest  # nest of [B, N, ...]: the candidates
    # nest of [B, ...]: the response to the previous turn, zeros at the start of a session
    response: Nest


class SimulatorState(NamedTuple, Generic[UserT]):
    """Everything a simulation needs to go on."""

    user: UserT  # nest of [B, ...]
    corpus: Nest  # nest of [W, ...], or () for a corpus without state
    candidates: Nest  # nest of [W, N, ...]: draws of `DocumentModel.candidates`
    hidden: Nest  # nest of [W, N, ...]: hidden attributes of persistent candidates, else ()
    response: Nest  # nest of [B, ...]: the last response, zeros at the start of a session
    num_steps: tf.Tensor  # int32 [B]: steps since the start of the session
    done: tf.Tensor  # bool [B]: the session has ended


class InitialDraws(NamedTuple):
    """The draws that start sessions: `Simulator.initial_state` maps them to a state."""

    user: Nest  # [B, ...]
    corpus: Nest  # [W, ...]
    candidates: Nest  # [W, N, ...]
    hidden: Nest  # [W, N, ...], drawn here only for persistent candidates


class StepDraws(NamedTuple):
    """The draws of one step, () where a model draws nothing."""

    # [B, K, ...], from `DocumentModel.reveal`; [W, N, ...] where users share a corpus
    hidden: Nest
    response: Nest  # [B, ...], from `UserModel.response`
    innovation: Nest  # [B, ...], from `UserModel.innovation`
    departure: Nest  # [B], from `UserModel.departure` where it is a distribution
    candidates: Nest  # [W, N, ...], from `DocumentModel.candidates`
    corpus: Nest = ()  # [W, ...], from `DocumentModel.innovation`


class Transition(NamedTuple):
    """One step of B users; stacked over time it is [T, B, ...]."""

    slate: tf.Tensor  # int32 [B, K]: candidate positions, -1 where a short slate is padded
    draws: StepDraws
    response: Nest  # nest of [B, ...], with the field `clicked` [B, K]
    reward: tf.Tensor  # [B]
    # bool [B]: the user was in session when the step began; the other fields count only there
    active: tf.Tensor
    terminated: tf.Tensor  # bool [B]: the user left at this step
    # bool [B]: the time limit ended the session at this step, the user would have stayed
    truncated: tf.Tensor
    query: Nest = ()  # nest of [B, ...]: the query of the system; it is given, never scored
    # [B], in [0, 1]: the discount of the future after the step, from `UserModel.discount`; () for 1
    user_discount: Nest = ()

    @property
    def turn(self) -> Turn:
        """The slate and the query."""
        return Turn(self.slate, self.query)

    @property
    def action(self) -> Nest:
        """The agent's action, as `Simulator.step` takes it: a slate, or a `Turn`."""
        return self.turn.action

    @property
    def discount(self) -> tf.Tensor:
        """The discount of TF-Agents, float32 [B]: 0 where the user left, elsewhere the discount of
        the user, which is mostly 1. The time limit does not change it.
        """
        stays = 1.0 - tf.cast(self.terminated, tf.float32)
        if not tf.is_tensor(self.user_discount):
            return stays
        return stays * tf.cast(self.user_discount, tf.float32)


class Trajectory(NamedTuple):
    """The draws of a rollout, from which its states can be recomputed."""

    # [B, ...], or the SimulatorState [B, ...] with which the rollout began
    initial: Any
    transitions: Transition  # [T, B, ...]
    # InitialDraws [T, B, ...] of an auto-reset rollout, valid where a session ended at that step;
    # else ()
    newcomers: Any

    def __repr__(self) -> str:
        return summary_text("Trajectory", self._summary())

    def _repr_html_(self) -> str:
        return summary_html("Trajectory", self._summary())

    def _summary(self) -> dict[str, str]:
        """The figures of a rollout, by name."""
        transitions = self.transitions
        parts = [transitions.reward, transitions.active, transitions.slate, transitions.terminated]
        if not all(isinstance(part, tf.Tensor) and hasattr(part, "numpy") for part in parts):
            return {"fields": ", ".join(self._fields)}
        reward, active, slate, terminated = (part.numpy() for part in parts)
        steps, shown = int(active.sum()), (slate >= 0) & active[..., tf.newaxis]
        summary = {
            "users": f"{reward.shape[1]:,}",
            "sessions": "one a user" if self.is_single_session else "one after the other",
            "steps": f"{steps:,}, up to {reward.shape[0]:,} a user",
            "slates": f"{slate.shape[2]} positions, {shown.sum() / max(steps, 1):.1f} shown a step",
            "ends": f"{int(terminated.sum()):,} users left",
            "reward": f"{(reward * active).sum() / max(steps, 1):.4g} a step",
        }
        clicked = getattr(transitions.response, "clicked", None)
        if clicked is not None:
            share = (clicked.numpy() * shown).sum() / max(shown.sum(), 1)
            summary["clicks"] = f"{share:.2%} of the documents shown"
        return summary

    @property
    def is_single_session(self) -> bool:
        """True if each row holds one session (`auto_reset=False`)."""
        return not tf.nest.flatten(self.newcomers)

    def require_new_users(self) -> None:
        """Refuses a trajectory that begins with a state, since its initial draws are unknown.
        Raises a ValueError for a trajectory of a rollout with `state`.
        """
        if isinstance(self.initial, SimulatorState):
            raise ValueError(
                "trajectory must begin with new users, got a trajectory of a rollout that begins"
                " with a state"
            )

    def require_single_session(self) -> None:
        """Refuses a trajectory whose rows hold several sessions, which cannot be scored or logged.
        Raises a ValueError for an auto-reset trajectory.
        """
        if not self.is_single_session:
            raise ValueError(
                "trajectory must hold one session a row (auto_reset=False), got an auto-reset"
                " trajectory"
            )


class LogProb(NamedTuple):
    """Log-probabilities of the draws of each session, [B] for each origin of draws."""

    initial: tf.Tensor  # the user's initial draws
    response: tf.Tensor
    innovation: tf.Tensor
    departure: tf.Tensor
    # Corpus, candidates, hidden attributes. The value of a world stands at the first of its users,
    # and its draws count while any of its users is in session.
    documents: tf.Tensor

    @property
    def user(self) -> tf.Tensor:
        """The sum of the users' parts, [B], which `fit` maximises. The documents are given."""
        return self.initial + self.response + self.innovation + self.departure

    @property
    def total(self) -> tf.Tensor:
        """The log-probability of all draws, [B]."""
        return self.user + self.documents


class Policy(Protocol):
    """Chooses slates. Any function of this signature is a policy without a state."""

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: tf.Tensor, /
    ) -> tuple[Any, Nest]:
        """A slate of candidate positions, int32 [B, K], and the next policy state. A simulator with
        a `query_spec` takes a `Turn` of slate and query instead.

        Args:
          observation: the observation of B users.
          policy_state: nest of [B, ...], () where the policy has no state.
          seed: int32 [2].
        """


@runtime_checkable
class StatefulPolicy(Policy, Protocol):
    """A policy with a state for each user's session."""

    def initial_state(self, num_users: int) -> Nest:
        """The policy state at the start of a session, a nest of [num_users, ...]."""


def initial_policy_state(policy: Policy, num_users: int) -> Nest:
    """The policy state at the start of a session, () for a policy without one."""
    return policy.initial_state(num_users) if isinstance(policy, StatefulPolicy) else ()
