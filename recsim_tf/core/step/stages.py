# SPDX-License-Identifier: Apache-2.0
"""The order of a step, and the objects that answer its stages.

A step goes through the stages of the models: the slate is shown, users respond, change and leave,
the corpus changes, candidates come. At each stage it asks a `Stages` object for the draw, and for
the result of a map of the draw. The answers make the step a simulation, or a recorded step that is
computed again and scored. `Sampled` simulates, and so does `core.runs.draws.AheadStep` inside a
loop. `Recorded` returns recorded draws, and `PartlySampled` draws some of the stages anew.
`recsim_tf.gradients` relaxes the draws. The particle filter of `recsim_tf.fitting` follows several
innovations of a user at once.
"""

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import distributions, nests, random
from recsim_tf.core.base.corpora import UNREADABLE, OwnCorpora
from recsim_tf.core.base.types import (
    InitialDraws,
    Nest,
    Seed,
    SimulatorState,
    Slate,
    StepDraws,
    Transition,
    Turn,
)
from recsim_tf.core.models.models import DocumentModel, UserModel

# A step also draws the initial draws of users who replace the users who left. The order of the
# names decides the seed of each stage.
STEP_STAGES = (*StepDraws._fields[:-1], "newcomers", StepDraws._fields[-1])


class Models(Protocol):
    """The parts of a simulation, which `Simulator` has and explains."""

    users: UserModel
    documents: DocumentModel
    slate_size: int
    num_candidates: int
    resample_documents: bool
    max_steps: int | None
    allow_duplicates: bool
    validate: bool
    num_users: int | None
    query_spec: Nest

    @property
    def corpora(self) -> OwnCorpora: ...

    def reward(self, response: Nest, user: Nest) -> tf.Tensor: ...

    def check_num_users(self, num_users: int) -> None: ...

    def users_of_parameters(self) -> dict[str, int]: ...

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]: ...


class Stages(abc.ABC):
    """Answers the stages of a step."""

    @abc.abstractmethod
    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None) -> Nest:
        """The draw of a stage.

        Args:
          stage: a field of `InitialDraws` or `StepDraws`, or "newcomers".
          distribution: a distribution of batch shape [B], or [W] for a stage of corpora.
          who: bool [B], the rows that need the draw; None for all rows.
        """

    def draw(
        self, stage: str, distribution: tfd.Distribution | None, who: tf.Tensor | None = None
    ) -> Nest:
        """The draw of a stage by `sample`, or () for a stage without a distribution."""
        return () if distribution is None else self.sample(stage, distribution, who)

    def apply(self, stage: str, function: Callable[[Nest], Nest], draw: Nest) -> Nest:
        """The result of the map of a stage.

        Args:
          stage: the name of the result: "response", "reward", "user" or "corpus".
          function: the map.
          draw: the draw of the stage, or a nest that replaces it.
        """
        return function(draw)

    def show(self, models: Models, state: SimulatorState, turn: Turn) -> tuple[Slate, Nest]:
        """The slate of a turn as users meet it, and the draw of the hidden attributes of its
        documents, which is () where candidates persist.
        """
        documents, corpora = models.documents, models.corpora
        positions = tf.maximum(turn.slate, 0)
        if documents.shared:
            described = documents.describe(state.candidates, state.corpus)
            hidden, draws = self.hidden(models, state, described)
            met, hidden = corpora.take((described, hidden), positions)
        else:
            # Only documents that are shown are described and revealed.
            met = documents.describe(nests.take(state.candidates, positions), state.corpus)
            hidden, draws = self.hidden(models, state, met)
            if not models.resample_documents:
                hidden = nests.take(hidden, positions)
        return Slate(documents.show(met, hidden), turn.slate >= 0, turn.query), draws

    def hidden(self, models: Models, state: SimulatorState, documents: Nest) -> tuple[Nest, Nest]:
        """The hidden attributes of documents, nests of [W, K, ...], and their draw. Where
        candidates persist, they are the attributes of all N candidates, and the draw is ().
        """
        if not models.resample_documents:
            return state.hidden, ()
        draws = self.draw("hidden", models.documents.reveal(documents))
        return draws, draws

    def leave(self, departure: tf.Tensor | tfd.Distribution) -> tuple[tf.Tensor, Nest]:
        """The users who leave, bool [B], and the draw that decided it, or () after a rule."""
        if not isinstance(departure, tfd.Distribution):
            return departure, ()
        draw = self.draw("departure", departure)
        return tf.cast(draw, tf.bool), draw


class UserStep(NamedTuple):
    """The effects of a slate on users."""

    response_draw: Nest
    response: Nest  # nest of [B, ...]
    innovation: Nest
    user: Nest  # nest of [B, ...], the next state
    departed: tf.Tensor  # bool [B]
    departure_draw: Nest


def begin(models: Models, num_users: int, stages: Stages) -> InitialDraws:
    """The draws that start sessions."""
    users, documents = models.users, models.documents
    num_corpora = models.corpora.number(num_users)
    user_draws = stages.draw("user", users.initial_draws(num_users))
    corpus_draws = stages.draw("corpus", documents.initial_draws(num_corpora))
    corpus = documents.initial_state(corpus_draws, num_corpora)
    user = users.initial_state(user_draws)
    candidates = stages.draw("candidates", candidates_of(models, num_users, corpus, user))
    hidden = ()
    if not models.resample_documents:
        hidden = stages.draw("hidden", documents.reveal(documents.describe(candidates, corpus)))
    return InitialDraws(user_draws, corpus_draws, candidates, hidden)


def candidates_of(models: Models, num_users: int, corpus: Nest, user: Nest) -> tfd.Distribution:
    """The distribution of the candidates of B users in a state, nests of [W, ...] and [B, ...]."""
    num_corpora = models.corpora.number(num_users)
    return models.documents.candidates(
        num_corpora, models.num_candidates, corpus, UNREADABLE if models.documents.shared else user
    )


def respond(users: UserModel, user: Nest, shown: Slate, stages: Stages) -> tuple[Nest, Nest]:
    """The draw of a response, and the response that it gives."""
    draw = stages.draw("response", users.response(user, shown))
    return draw, stages.apply("response", lambda draw: users.outcome(user, shown, draw), draw)


def user_step(users: UserModel, user: Nest, shown: Slate, stages: Stages) -> UserStep:
    """The stages of a step that concern users: response, innovation, update, departure."""
    response_draw, response = respond(users, user, shown, stages)
    innovation = stages.draw("innovation", users.innovation(user, shown, response))
    updated = stages.apply(
        "user", lambda draw: users.update(user, shown, response, draw), innovation
    )
    departed, departure_draw = stages.leave(users.departure(updated))
    return UserStep(response_draw, response, innovation, updated, departed, departure_draw)


def advance(
    models: Models, state: SimulatorState, turn: Turn, stages: Stages, auto_reset: bool = False
) -> tuple[SimulatorState, Transition, Nest]:
    """One step of every user, active or not.

    Args:
      models: the models of the simulation.
      state: the state of B users.
      turn: the turn of the system. Its slate is int32 [B, K], or another slate that `stages.show`
        takes.
      stages: the object that answers the stages.
      auto_reset: whether new users replace the users who leave.

    Returns:
      The next state, the transition, and with `auto_reset` the draws of the new users, whose
      sessions have begun in the next state, else ().
    """
    users, documents = models.users, models.documents
    num_users = nests.batch_size(state.done)
    shown, hidden = stages.show(models, state, turn)
    step = user_step(users, state.user, shown, stages)
    reward = stages.apply(
        "reward", lambda response: models.reward(response, state.user), step.response
    )
    active = ~state.done
    met = models.corpora.met(shown, step.response, active)
    corpus_draw = stages.draw("corpus", documents.innovation(state.corpus, *met))
    corpus = stages.apply(
        "corpus", lambda draw: documents.update(state.corpus, *met, draw), corpus_draw
    )
    num_steps, departed = state.num_steps + 1, step.departed
    out_of_time = (
        tf.zeros_like(departed) if models.max_steps is None else num_steps >= models.max_steps
    )
    next_state = state._replace(
        user=step.user,
        corpus=corpus,
        response=step.response,
        num_steps=num_steps,
        done=departed | out_of_time,
    )
    newcomers = ()
    if auto_reset:
        newcomers = stages.draw("newcomers", users.initial_draws(num_users), next_state.done)
        next_state = with_new_users(users, next_state, next_state.done, newcomers)
    candidates = ()
    if models.resample_documents:
        candidates = stages.draw(
            "candidates", candidates_of(models, num_users, corpus, next_state.user)
        )
        next_state = next_state._replace(candidates=candidates)
    discount = users.discount(state.user, step.user)
    transition = Transition(
        slate=turn.slate,
        draws=StepDraws(
            hidden,
            step.response_draw,
            step.innovation,
            step.departure_draw,
            candidates,
            corpus_draw,
        ),
        response=step.response,
        reward=tf.where(active, reward, tf.zeros([], reward.dtype)),
        active=active,
        terminated=active & departed,
        truncated=active & out_of_time & ~departed,
        query=turn.query,
        user_discount=() if discount is None else discount,
    )
    return next_state, transition, newcomers


def with_new_users(
    users: UserModel, state: SimulatorState, who: tf.Tensor, initial_draws: Nest
) -> SimulatorState:
    """The state with a session of a new user in the rows where `who` [B] is true."""
    return state._replace(
        user=nests.where(who, users.initial_state(initial_draws), state.user),
        response=nests.where(who, nests.zeros_like(state.response), state.response),
        num_steps=tf.where(who, 0, state.num_steps),
        done=state.done & ~who,
    )


class Sampled(Stages):
    """Draws each stage with a separate seed.

    Args:
      seed: an integer or int32 [2].
      names: the names of all stages.
    """

    def __init__(self, seed: Seed, names: Iterable[str]):
        names = tuple(names)
        self.seeds = dict(zip(names, random.split_seed(seed, len(names)), strict=True))

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        return random.sample(distribution, self.seeds[stage])


class OneSource(Stages):
    """Draws all stages from one source. Their independence must not matter, or `Noise` must ensure
    it.

    Args:
      seed: an integer, int32 [2] or `Noise`.
    """

    def __init__(self, seed: Seed):
        self._seed = seed

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        return random.sample(distribution, self._seed)


class Recorded(Stages):
    """Returns recorded draws.

    Args:
      draws: the recorded draws by stage.
      score: whether to keep the log-probability of each stage, [B] or [W], in `log_probs`.
    """

    def __init__(self, draws: Mapping[str, Nest], score: bool = False):
        self._draws = draws
        self._score = score
        self.log_probs: dict[str, tf.Tensor] = {}

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        draw = self._draws[stage]
        if self._score:
            self.log_probs[stage] = log_prob_per_user(stage, distribution, draw)
        return draw


class PartlySampled(Recorded):
    """Draws some stages anew, and returns the recorded draws of the others.

    Args:
      draws: the recorded draws by stage.
      seed: an integer or int32 [2].
      names: the names of the stages that are drawn anew.
      score: whether to keep the log-probabilities of the recorded stages.
    """

    def __init__(
        self, draws: Mapping[str, Nest], seed: Seed, names: Iterable[str], score: bool = False
    ):
        super().__init__(draws, score)
        self._names = frozenset(names)
        self._sampled = Sampled(seed, names)

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        answer = self._sampled.sample if stage in self._names else super().sample
        return answer(stage, distribution, who)


def log_prob_per_user(stage: str, distribution: tfd.Distribution, draw: Nest) -> tf.Tensor:
    """The log-probability of the draw of a stage, [B], or [W] for a stage of corpora.

    Raises:
      ValueError: if the distribution has a batch axis that is not the axis of users.
    """
    return check_batch_axis(stage, distributions.log_prob(distribution, draw))


def check_batch_axis(stage: str, log_prob: tf.Tensor) -> tf.Tensor:
    """Returns log-probabilities, and raises `ValueError` unless they have one axis."""
    if log_prob.shape.rank != 1:
        raise ValueError(
            f"the distribution of {stage} must have one batch axis, the users, got"
            f" log-probabilities of shape {log_prob.shape}: wrap it in tfd.Independent"
        )
    return log_prob
