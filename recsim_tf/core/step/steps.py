# SPDX-License-Identifier: Apache-2.0
"""The start of sessions, and their steps under the actions of an agent."""

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import kind_of
from recsim_tf.core.base.bounds import bounded_specs
from recsim_tf.core.base.types import (
    InitialDraws,
    Nest,
    Observation,
    Seed,
    SimulatorState,
    Slate,
    Transition,
)
from recsim_tf.core.step import stages, turns
from recsim_tf.core.step.stages import Models, Stages


def check_state(state: SimulatorState) -> None:
    """Raises a `ValueError` for anything but a state."""
    if not isinstance(state, SimulatorState):
        advice = ": step returns (state, transition)" if isinstance(state, tuple) else ""
        raise ValueError(f"state must be a SimulatorState, got {kind_of(state)}{advice}")


def initial_state(models: Models, draws: InitialDraws | SimulatorState) -> SimulatorState:
    """Maps initial draws, nests of [B, ...], to the state at the start of a session. A state stays
    as it is.
    """
    if isinstance(draws, SimulatorState):
        return draws
    user = models.users.initial_state(draws.user)
    num_users = nests.batch_size(user)
    state = SimulatorState(
        user=user,
        corpus=models.documents.initial_state(draws.corpus, models.corpora.number(num_users)),
        candidates=draws.candidates,
        hidden=draws.hidden,
        response=(),
        num_steps=tf.zeros([num_users], tf.int32),
        done=tf.zeros([num_users], tf.bool),
    )
    # Only the structure of a response is used, so a graph drops the operations of these stages.
    answers = stages.OneSource(random.as_seed(0))
    shown, _ = answers.show(models, state, turns.some_turn(models, num_users))
    _, response = stages.respond(models.users, user, shown, answers)
    return state._replace(response=nests.zeros_like(response))


def replace(models: Models, state: SimulatorState, who: tf.Tensor, seed: Seed) -> SimulatorState:
    """The state with a session of a new user in the rows where `who` [B] is true."""
    check_state(state)
    user_seed, candidate_seed = random.split_seed(seed, 2)
    num_users = nests.batch_size(state.done)
    newcomers = random.sample(models.users.initial_draws(num_users), user_seed)
    state = stages.with_new_users(models.users, state, who, newcomers)
    if models.documents.shared or not models.resample_documents:
        return state
    distribution = stages.candidates_of(models, num_users, state.corpus, state.user)
    candidates = random.sample(distribution, candidate_seed)
    return state._replace(candidates=nests.where(who, candidates, state.candidates))


def observe(models: Models, state: SimulatorState) -> Observation:
    """The observation of a state, which agents see."""
    check_state(state)
    documents = models.documents.describe(state.candidates, state.corpus)
    return Observation(
        models.users.observe(state.user),
        models.corpora.of_users(models.documents.observe(documents), nests.batch_size(state.done)),
        models.users.observe_response(state.response),
    )


def observation_spec(models: Models, observation: Observation) -> Observation:
    """Named, bounded specs of the observation of one user, from the specs [B, ...] of B users."""
    specs = tf.nest.map_structure(
        lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), observation
    )
    return Observation(
        bounded_specs("user", specs.user, models.users.observation_bounds()),
        bounded_specs("documents", specs.documents, models.documents.observation_bounds()),
        bounded_specs("response", specs.response, models.users.response_bounds()),
    )


def advance(
    models: Models,
    state: SimulatorState,
    action: Nest,
    answers: Stages,
    auto_reset: bool = False,
) -> tuple[SimulatorState, Transition, Nest]:
    """Checks the action and takes a step, in which `answers` gives the draws of the stages; see
    `stages.advance`.
    """
    check_state(state)
    num_users = nests.batch_size(state.done)
    turn = turns.as_turn(action, models.query_spec, num_users, models.slate_size)
    if models.validate:
        turn = turns.check_values(models, turn, models.allow_duplicates)
    return stages.advance(models, state, turn, answers, auto_reset)


def shown(models: Models, state: SimulatorState, transition: Transition) -> Slate:
    """The slate that users met at a recorded step, from the state before the step."""
    recorded = stages.Recorded(transition.draws._asdict())
    return recorded.show(models, state, transition.turn)[0]
