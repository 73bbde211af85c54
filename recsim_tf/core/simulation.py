"""A simulation: user model, document model and the rules of a session."""

import inspect
from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.core import nests, random, stages, turns, validation
from recsim_tf.core.corpora import OwnCorpora, SharedCorpora
from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.parameters import Model
from recsim_tf.core.types import InitialDraws, Nest, SimulatorState, Slate, Transition, Turn


@gin.configurable(module="recsim_tf")
def click_reward(response: Nest) -> tf.Tensor:
    """[B]: number of clicks, RecSim's `total_clicks_reward`."""
    return tf.reduce_sum(response.clicked, axis=-1)


class Simulation(Model):
    """The parts of a simulation, the start of a session, and one step.

    `Simulator` explains the fields.
    """

    users: UserModel
    documents: DocumentModel
    slate_size: int = 3
    num_candidates: int = 10
    reward_fn: Callable[..., tf.Tensor] = click_reward
    resample_documents: bool = True
    max_steps: int | None = None
    allow_duplicates: bool = False
    validate: bool = False
    num_users: int | None = None
    query_spec: Nest = ()
    users_per_world: int | None = None

    def check(self):
        validation.check_type("users", self.users, UserModel)
        validation.check_type("documents", self.documents, DocumentModel)
        if not callable(self.reward_fn):
            raise ValueError(f"reward_fn must be a function of a response, got {self.reward_fn!r}")
        validation.check_count(num_candidates=self.num_candidates)
        validation.check_slate_size(self.slate_size, self.num_candidates)
        optional = {
            "max_steps": self.max_steps,
            "num_users": self.num_users,
            "users_per_world": self.users_per_world,
        }
        validation.check_count(
            **{name: count for name, count in optional.items() if count is not None}
        )
        if self.users_per_world is not None and not self.documents.shared:
            raise ValueError(
                "users_per_world must be None, since users share no corpus of"
                f" {type(self.documents).__name__}, got {self.users_per_world}"
            )
        if self.num_users is not None:
            self.check_num_users(self.num_users)
        turns.check_query_spec(self.query_spec)
        self.users.check_documents(self.documents, self.slate_size)
        self._reward_reads_user = _num_arguments(self.reward_fn) > 1

    def check_num_users(self, num_users: int) -> None:
        """Requires a number of users for which all parameters have values.

        Raises:
          ValueError: if it is no integer of at least 1, or if the models' parameters are for
            another number of users.
        """
        validation.check_count(num_users=num_users)
        if self.num_users not in (None, num_users):
            raise ValueError(
                f"num_users must be {self.num_users}, for which the models have parameters, got"
                f" {num_users}"
            )
        num_corpora = self.corpora.number(num_users)
        for name, number in self.users_of_parameters().items():
            if name.startswith("documents.") and self.documents.shared:
                if number not in (1, num_corpora):
                    raise ValueError(
                        f"{name} must have one value, or one for each of {num_corpora} worlds, got"
                        f" {number}"
                    )
            elif number not in (1, num_users):
                raise ValueError(
                    f"num_users must be {number}, for which {name} has values, got {num_users}"
                )

    @property
    def corpora(self) -> OwnCorpora:
        """Whose corpora there are."""
        return SharedCorpora(self.users_per_world) if self.documents.shared else OwnCorpora()

    def by_session(self, what: str) -> "Simulation":
        """The same simulation for sessions that are read one by one: where users share a corpus,
        each is a world of their own.

        Args:
          what: the reader of the sessions, named in errors.

        Raises:
          ValueError: if what users meet depends on the state of a corpus that they share, which one
            session does not tell.
        """
        if not self.documents.shared:
            return self
        if self.documents.shows_state and self.documents.has_state:
            raise ValueError(
                f"{what} must be of documents that do not depend on a corpus that users share, got"
                f" {type(self.documents).__name__}, which users meet as its state makes them"
            )
        return self.replaced(users_per_world=1)

    def users_of_parameters(self) -> dict[str, int]:
        """For how many users, or worlds, each of the parameters that differ between them has
        values.
        """
        shapes = {
            name: validation.table_shape(name, value) for name, value in self.parameters().items()
        }
        return {
            name: shape[0]
            for name, shape in shapes.items()
            if shape.rank == self.parameter_spec(name).rank + 1 and shape[0] is not None
        }

    @property
    def fewest_users(self) -> int:
        """The smallest number of users that can be simulated."""
        return self.num_users or self.users_per_world or 1

    def reward(self, response: Nest, user: Nest) -> tf.Tensor:
        """[B]: the reward of a response, a nest of [B, ...], of users in a state, a nest of [B,
        ...].
        """
        return (
            self.reward_fn(response, user) if self._reward_reads_user else self.reward_fn(response)
        )

    def begin(self, num_users: int, answers: stages.Stages) -> InitialDraws:
        """The draws that start sessions, answered by `answers`."""
        return stages.begin(self, num_users, answers)

    def initial_state(self, draws: InitialDraws | SimulatorState) -> SimulatorState:
        """Maps initial draws, nests of [B, ...], to the state at the start of a session. A state
        stays as it is.
        """
        if isinstance(draws, SimulatorState):
            return draws
        user = self.users.initial_state(draws.user)
        num_users = nests.batch_size(user)
        state = SimulatorState(
            user=user,
            corpus=self.documents.initial_state(draws.corpus, self.corpora.number(num_users)),
            candidates=draws.candidates,
            hidden=draws.hidden,
            response=(),
            num_steps=tf.zeros([num_users], tf.int32),
            done=tf.zeros([num_users], tf.bool),
        )
        # Only the structure of a response is of use, so that a graph loses the stages again.
        answers = stages.OneSource(random.as_seed(0))
        shown, _ = answers.show(self, state, turns.some_turn(self, num_users))
        _, response = stages.respond(self.users, user, shown, answers)
        return state._replace(response=nests.zeros_like(response))

    def shown(self, state: SimulatorState, transition: Transition) -> Slate:
        """What users met at a recorded step.

        Args:
          state: of the users before the step.
          transition: [B, ...].
        """
        recorded = stages.Recorded(transition.draws._asdict())
        return recorded.show(self, state, transition.turn)[0]

    def advance(
        self,
        state: SimulatorState,
        action: Nest,
        answers: stages.Stages,
        auto_reset: bool = False,
    ) -> tuple[SimulatorState, Transition, Nest]:
        """A step whose stages `answers` answers; see `stages.advance`. It checks the action."""
        num_users = nests.batch_size(state.done)
        turn = turns.as_turn(action, self.query_spec, num_users, self.slate_size)
        if self.validate:
            turn = turns.check_values(self, turn, self.allow_duplicates)
        return stages.advance(self, state, turn, answers, auto_reset)

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]:
        """(condition, message) pairs that the users require of a turn, checked with `validate`."""
        return self.users.turn_conditions(turn)


def _num_arguments(function: Callable) -> int:
    """How many positional arguments a function needs."""
    return sum(
        parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in inspect.signature(function).parameters.values()
    )
