# SPDX-License-Identifier: Apache-2.0
"""The return of relaxed sessions, differentiable from the policy's logits to the rewards."""

from collections.abc import Callable, Iterable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, Positive, checked
from recsim_tf.core.base.corpora import OwnCorpora
from recsim_tf.core.base.types import (
    InitialDraws,
    Nest,
    Seed,
    SimulatorState,
    Slate,
    StepDraws,
    Turn,
)
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step import turns
from recsim_tf.core.step.stages import Models, Sampled, Stages, advance, begin, log_prob_per_user
from recsim_tf.gradients import mixtures
from recsim_tf.policies.plackett_luce import PlackettLucePolicy


@checked
def relaxed_return(
    simulator: Simulator,
    policy: PlackettLucePolicy,
    num_users: int,
    num_steps: Count,
    seed: Seed,
    temperature: Positive = 0.5,
    departure_margin: Callable[[Nest], tf.Tensor] | None = None,
    departure_temperature: Positive = 1.0,
) -> tf.Tensor:
    """Simulates one session in each row with relaxed slates, choices and departures, and returns
    the sums of rewards.

    The hard draws of `Simulator.rollout` become smooth here, so that the gradient of the mean
    reaches the parameters of the policy and of the models through the states:

        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(relaxed_return(simulator, policy, num_users, num_steps, seed))

    - A slate is a relaxed draw from the policy (`relaxed_top_k`). Its documents are convex
      combinations of the candidates as the user would meet them, hidden attributes included.
    - A choice, and any other draw of one of finitely many values for each user in
      `UserModel.response` and `UserModel.innovation`, gives every value a weight
      (`mixtures.relaxed_sample`). The response is the weighted mean of the outcomes, so that
      `clicked` is fractional, and the state the weighted mean of the updates.
    - Reparameterised draws do not change.
    - Departures are not drawn. Rewards are weighted by the probability that the user is still
      there, the product of 1 - hazard. For a hazard this is exact and only lowers the variance. A
      rule has no gradient, so it is replaced by the hazard sigmoid(-margin /
      departure_temperature).
    - Other draws stay hard: discrete initial draws, discrete draws of a corpus, discrete hidden
      attributes, and a joint response of choice and rating. Their gradient is the score function
      without a baseline. It is unbiased with more variance, and zero if their distributions have no
      parameters.

    The gradient is exact for the relaxed return, not for the return: it is *biased*, as is the
    value. The bias of slates, choices and innovations goes to zero with the temperature, while the
    variance of the gradient grows. The bias of a rule goes to zero with `departure_temperature`.
    Mohamed et al. 2020 (arXiv 1906.10652) survey the estimators.

    Documents may have integer fields, but neither the user model nor the reward may compute with
    them. The policy and the document model see the same candidates as in `Simulator`. In the last
    response that the policy sees, integer fields are zero. Slates are full.

    Args:
      simulator: the simulator whose models are simulated.
      policy: the policy that draws the slates, which has no memory.
      num_users: B, a Python int.
      num_steps: T, a Python int.
      seed: an integer or int32 [2]. The same seed means the same noise.
      temperature: the temperature of slates, in the unit of the logits, and of choices and
        innovations, in the unit of log-probabilities; positive.
      departure_margin: for a rule of departure, a function from the user state to a margin [B] that
        is positive while the user stays, such as `lambda user: user.budget`. It is not used where
        the departure is a hazard.
      departure_temperature: the temperature of departures, in the unit of the margin; positive.

    Returns:
      The relaxed return of each session, [B], in the dtype of the rewards.

    Raises:
      ValueError: for an argument of another type, if a number is out of range, if the simulator
        has a `query_spec`, if the policy has a memory, if there is a rule of departure without a
        margin, or if a model computes with an integer field, which has no mixture. All are raised
        when the function is traced.
    """
    turns.require_no_queries(
        "relaxed_return", simulator.query_spec, "take score_function_return, which needs no mixture"
    )
    simulator.check_num_users(num_users)
    initial_seed, loop_seed = random.split_seed(seed, 2)
    zeros_of_users = tf.zeros([num_users], tf.float64)
    initial = _Pathwise(initial_seed, InitialDraws._fields, zeros_of_users, simulator.corpora)
    first_state = simulator.initial_state(begin(simulator, num_users, initial))
    if simulator.documents.shared and simulator.documents.has_state:
        raise ValueError(
            "relaxed_return needs a corpus without state where users share it, got"
            f" {type(simulator.documents).__name__}: take score_function_return"
        )
    dtype = simulator.reward(first_state.response, first_state.user).dtype
    zeros = tf.zeros([num_users], dtype)

    def stay_probability(user: Nest, departure: tf.Tensor | tfd.Distribution):
        """The probability that users stay after a step, [B], from their updated state."""
        if isinstance(departure, tfd.Distribution):
            return tf.exp(departure.log_prob(tf.zeros(departure.batch_shape, departure.dtype)))
        users = simulator.users
        if type(users).departure is UserModel.departure:
            return tf.ones(departure.shape)
        if departure_margin is None:
            raise ValueError(
                f"departure_margin is missing: {type(users).__name__} leave by a rule, which has no"
                " gradient. Give a function of their state that is positive while they stay, such"
                " as `lambda user: user.budget`, or make the departure a hazard"
            )
        margin = departure_margin(user)
        return tf.sigmoid(margin / tf.cast(departure_temperature, margin.dtype))

    def body(
        step: tf.Tensor,
        state: Nest,
        in_session: tf.Tensor,
        log_prob: tf.Tensor,
        total: tf.Tensor,
        seed: Seed,
    ):
        seed, policy_seed, step_seed = random.split_seed(seed, 3)
        slates = policy.distribution(simulator.observe(state))
        slate_weights = mixtures.relaxed_top_k(
            slates.keys(policy_seed), slates.slate_size, temperature
        )
        stages = _Relaxed(step_seed, log_prob, simulator.corpora, temperature)
        next_state, transition, _ = advance(simulator, state, Turn(slate_weights), stages)
        total += in_session * transition.reward
        stay = stay_probability(next_state.user, stages.departure)
        # Only the time limit ends a relaxed session.
        in_session = tf.where(next_state.done, zeros, in_session * tf.cast(stay, dtype))
        next_state = next_state._replace(
            response=mixtures.zeros_for_labels(next_state.response, like=state.response),
            done=state.done,
        )
        return step + 1, next_state, in_session, stages.log_prob, total, seed

    loop_vars = (0, first_state, zeros + 1, tf.cast(initial.log_prob, dtype), zeros, loop_seed)
    return tf.while_loop(
        lambda *_: tf.constant(True),
        body,
        loop_vars,
        parallel_iterations=1,
        maximum_iterations=num_steps,
    )[4]


class _Pathwise(Stages):
    """Stages whose draws are pathwise where possible, and else hard. The log-probability [B] of
    hard draws is added to the attribute `log_prob`.
    """

    def __init__(self, seed: Seed, names: Iterable[str], log_prob: tf.Tensor, corpora: OwnCorpora):
        self._sampled = Sampled(seed, names)
        self.log_prob = log_prob
        self._corpora = corpora

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        draw = self._sampled.sample(stage, distribution, who)
        if all(
            kind == tfd.FULLY_REPARAMETERIZED
            for kind in tf.nest.flatten(distribution.reparameterization_type)
        ):
            return draw
        draw = tf.nest.map_structure(tf.stop_gradient, draw)
        log_prob = tf.cast(log_prob_per_user(stage, distribution, draw), self.log_prob.dtype)
        self.log_prob += self._corpora.of_users(log_prob, self.log_prob.shape[0])
        return draw


class _Relaxed(_Pathwise):
    """The stages of a relaxed step, in which slates are weights [B, K, N] and no user leaves."""

    def __init__(
        self, seed: Seed, log_prob: tf.Tensor, corpora: OwnCorpora, temperature: float | tf.Tensor
    ):
        super().__init__(seed, StepDraws._fields, log_prob, corpora)
        self._temperature = temperature
        self.departure: tf.Tensor | tfd.Distribution = ()

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        if (
            stage in ("response", "innovation")
            and num_outcomes(distribution) is not None
            and distribution.batch_shape.rank == 1
        ):
            return mixtures.relaxed_sample(
                distribution, self._sampled.seeds[stage], self._temperature
            )
        return super().sample(stage, distribution, who)

    def apply(self, stage: str, function: Callable, draw: Nest):
        result = mixtures.apply(stage, function, draw)
        if stage == "reward":
            # The factor is one, and its gradient is the gradient of the log-probability of the hard
            # draws before this reward (Foerster et al. 2018, arXiv 1802.05098).
            log_prob = tf.cast(self.log_prob, result.dtype)
            return result * tf.exp(log_prob - tf.stop_gradient(log_prob))
        return mixtures.refuse_labels(result) if stage in ("user", "corpus") else result

    def show(self, models: Models, state: SimulatorState, turn: Turn):
        documents = models.documents.describe(state.candidates, state.corpus)
        hidden, _ = self.hidden(models, state, documents)
        met = models.corpora.of_users((documents, hidden), turn.slate.shape[0])
        shown = mixtures.mix_candidates(models.documents.show(*met), turn.slate)
        return Slate(shown, tf.ones(turn.slate.shape[:2], tf.bool)), ()

    def leave(self, departure: tf.Tensor | tfd.Distribution):
        self.departure = departure
        num_users = self.log_prob.shape
        return tf.zeros(num_users, tf.bool), ()
