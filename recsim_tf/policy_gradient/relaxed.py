"""The return of relaxed sessions, differentiable along the path from the policy's logits to the rewards."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.models import UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Nest, Observation, SimulatorState, Slate, StepDraws
from recsim_tf.policy_gradient.labels import Label, hide_integers, zeros_for_labels
from recsim_tf.policy_gradient.mixtures import RelaxedDraws, apply, mix_candidates
from recsim_tf.policy_gradient.plackett_luce import ItemLogits, gumbel, relaxed_top_k

_RELAXED_STAGES = ("response", "innovation")


def relaxed_return(
    simulator: Simulator,
    item_logits: ItemLogits,
    num_users: int,
    num_steps: int,
    seed,
    temperature=0.5,
    departure_margin: Callable[[Nest], tf.Tensor] | None = None,
    departure_temperature=1.0,
) -> tf.Tensor:
    """Simulates one session a row in which slates, choices and departures are relaxed, and returns the sums of rewards.

    What is hard in `Simulator.rollout` becomes smooth here, so that the gradient of the mean reaches the policy's parameters, and the
    models', through the states:

    - A slate is drawn by relaxed Gumbel top-K from the Plackett-Luce policy of the logits. Its documents are convex combinations of what
      the user would meet of the candidates, hidden attributes included.
    - A choice, and any other draw of one of finitely many values for each user in `UserModel.response` and `UserModel.innovation`, gives
      every value a weight by Gumbel-softmax. The response is the weighted mean of the outcomes, so that `clicked` is fractional, and the
      state the weighted mean of the updates.
    - Reparameterised draws stay as they are.
    - Departures are not drawn. Rewards are weighted by the probability that the user is still there, the product of 1 - hazard. For a
      hazard this is exact and only lowers the variance. A rule has no gradient: it is replaced by the hazard
      sigmoid(-margin / departure_temperature).
    - Other draws (those of a discrete corpus, discrete hidden attributes, a joint response of choice and rating) stay hard. They are
      treated as by `score_function_return`, without a baseline: unbiased, with more variance, and nothing if they have no parameters.

    The gradient is exact for the relaxed return, not for the return: it is *biased*, as is the value. The bias of slates, choices and
    innovations goes to zero with the temperature, while the variance of the gradient grows; that of a rule goes to zero with
    `departure_temperature`. `benchmarks/policy_gradient.py` prints both where the exact gradient is known. Mohamed et al. 2020 (arXiv
    1906.10652) survey the estimators; Jang et al. 2017 (arXiv 1611.01144) and Maddison et al. 2017 (arXiv 1611.00712) relax the choice;
    Xie & Ermon 2019 (arXiv 1901.10517) the slate.

    Documents may have integer fields, but neither the user model nor the reward may compute with them, and the policy may not compute with
    integer fields of responses. Candidates, as the policy and the document model see them, are as in `Simulator`. Slates are full.

    Args:
      simulator: its models say what is simulated.
      item_logits: maps an observation to logits [B, N] of the candidates.
      num_users: B, a Python int.
      num_steps: T, a Python int.
      seed: an integer or int32 [2]. The same seed means the same noise.
      temperature: of slates, in the unit of the logits, and of choices and innovations, in that of log-probabilities; positive.
      departure_margin: for a rule of departure, maps the users' state to a margin [B] that is positive while the user stays, such as
        `lambda user: user.budget`. Not read where the departure is a hazard.
      departure_temperature: in the unit of the margin; positive.

    Returns:
      The relaxed return of each session, [B], in the dtype of the rewards.

    Raises:
      ValueError: if a temperature is not positive, if there is a rule of departure without a margin, or if something computes with an
        integer field that has no mixture; all but the first when the function is traced.
    """
    for name, value in (("temperature", temperature), ("departure_temperature", departure_temperature)):
        if isinstance(value, (int, float)) and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    stay = _StayProbability(simulator, departure_margin, departure_temperature)
    initial_seed, loop_seed = random.split_seed(seed, 2)
    initial = RelaxedDraws(initial_seed, InitialDraws._fields, temperature)
    first_state = simulator.initial_state(simulator.begin(num_users, initial))
    dtype = simulator.reward_fn(first_state.response).dtype
    zeros = tf.zeros([num_users], dtype)

    def body(step, state, in_session, log_prob, total, seed):
        seed, policy_seed, step_seed = random.split_seed(seed, 3)
        logits = item_logits(_observe(simulator, state))
        keys = logits + gumbel(logits.shape, policy_seed, logits.dtype)
        draw = RelaxedDraws(step_seed, StepDraws._fields, temperature, _RELAXED_STAGES, log_prob)
        state, reward = relaxed_step(simulator, state, relaxed_top_k(keys, simulator.slate_size, temperature), draw)
        total += in_session * reward
        in_session *= tf.cast(stay(state.user), dtype)
        if simulator.max_steps is not None:
            in_session = tf.where(state.num_steps < simulator.max_steps, in_session, zeros)
        return step + 1, state, in_session, draw.log_prob, total, seed

    loop_vars = (0, first_state, zeros + 1, zeros + tf.cast(initial.log_prob, dtype), zeros, loop_seed)
    return tf.while_loop(lambda *_: tf.constant(True), body, loop_vars, maximum_iterations=num_steps)[4]


def relaxed_step(
    simulator: Simulator, state: SimulatorState, slate_weights: tf.Tensor, draw: RelaxedDraws
) -> tuple[SimulatorState, tf.Tensor]:
    """Shows each user a relaxed slate, in the order of `Simulator.step` but without departures.

    Args:
      simulator: its models say what happens.
      state: of B users.
      slate_weights: [B, K, N], of the candidates at each position.
      draw: answers the stages.

    Returns:
      The next state and the reward [B], with the score-function terms of the draws that it depends on.
    """
    documents = simulator.documents.describe(state.candidates, state.corpus)
    hidden = state.hidden
    if simulator.resample_documents:
        distribution = simulator.documents.reveal(documents)
        hidden = () if distribution is None else draw("hidden", distribution)
    shown = mix_candidates(simulator.documents.show(documents, hidden), slate_weights)
    slate = Slate(shown, tf.ones(slate_weights.shape[:2], tf.bool))

    response_draw = draw("response", simulator.users.response(state.user, slate))
    response = apply("response", lambda value: simulator.users.outcome(state.user, slate, value), response_draw)
    reward = simulator.reward_fn(response)
    reward *= _one_with_gradient(tf.cast(draw.log_prob, reward.dtype))
    innovation_distribution = simulator.users.innovation(state.user, slate, response)
    innovation = () if innovation_distribution is None else draw("innovation", innovation_distribution)
    user = apply("user", lambda value: simulator.users.update(state.user, slate, response, value), innovation)
    _refuse_labels(user)
    corpus = simulator.documents.update(state.corpus, slate, response)
    _refuse_labels(corpus)
    candidates = state.candidates
    if simulator.resample_documents:
        num_users = nests.batch_size(state.done)
        candidates = draw("candidates", simulator.documents.candidates(num_users, simulator.num_candidates, corpus, user))
    next_state = state._replace(
        user=user,
        corpus=corpus,
        candidates=candidates,
        response=zeros_for_labels(response, like=state.response),
        num_steps=state.num_steps + 1,
    )
    return next_state, reward


class _StayProbability:
    """Maps the updated user state to the probability of staying, [B]."""

    def __init__(self, simulator, departure_margin, departure_temperature):
        self._users = simulator.users
        self._margin = departure_margin
        self._temperature = departure_temperature

    def __call__(self, user):
        departure = self._users.departure(user)
        if isinstance(departure, tfd.Distribution):
            return departure.prob(tf.zeros(departure.batch_shape, departure.dtype))
        if type(self._users).departure is UserModel.departure:
            return tf.ones(departure.shape)
        if self._margin is None:
            raise ValueError(
                f"departure_margin is missing: {type(self._users).__name__} leave by a rule, which has no gradient. Give a function of "
                "their state that is positive while they stay, such as `lambda user: user.budget`, or make the departure a hazard"
            )
        margin = self._margin(user)
        return tf.sigmoid(margin / tf.cast(self._temperature, margin.dtype))


def _observe(simulator, state) -> Observation:
    return simulator.observe(state._replace(response=hide_integers("response", state.response)))


def _one_with_gradient(log_prob):
    """One, with the gradient of the log-probability: multiplied with a reward it is a score-function term (Foerster et al. 2018)."""
    return tf.exp(log_prob - tf.stop_gradient(log_prob))


def _refuse_labels(nest):
    for leaf in tf.nest.flatten(nest):
        if isinstance(leaf, Label):
            leaf.refuse()
