"""The return of relaxed sessions, differentiable along the path from the policy's logits to the
rewards.
"""

from collections.abc import Callable, Iterable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.draws import log_prob_per_user
from recsim_tf.core.models import UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Nest, SimulatorState, Slate, StepDraws
from recsim_tf.gradients import mixtures
from recsim_tf.gradients.labels import refuse_labels, zeros_for_labels
from recsim_tf.gradients.relaxed_slate import relaxed_slate
from recsim_tf.policies.plackett_luce import PlackettLucePolicy

_RELAXED_STAGES = frozenset({"response", "innovation"})


def relaxed_return(
    simulator: Simulator,
    policy: PlackettLucePolicy,
    num_users: int,
    num_steps: int,
    seed,
    temperature=0.5,
    departure_margin: Callable[[Nest], tf.Tensor] | None = None,
    departure_temperature=1.0,
) -> tf.Tensor:
    """Simulates one session a row in which slates, choices and departures are relaxed, and returns
    the sums of rewards.

    What is hard in `Simulator.rollout` becomes smooth here, so that the gradient of the mean
    reaches the policy's parameters, and the models', through the states:

        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(relaxed_return(simulator, policy, num_users, num_steps, seed))

    - A slate is a relaxed draw from the policy (`relaxed_slate`). Its documents are convex
      combinations of what the user would meet of the candidates, hidden attributes included.
    - A choice, and any other draw of one of finitely many values for each user in
      `UserModel.response` and `UserModel.innovation`, gives every value a weight
      (`mixtures.relaxed_sample`). The response is the weighted mean of the outcomes, so that
      `clicked` is fractional, and the state the weighted mean of the updates.
    - Reparameterised draws stay as they are.
    - Departures are not drawn. Rewards are weighted by the probability that the user is still
      there, the product of 1 - hazard. For a hazard this is exact and only lowers the variance. A
      rule has no gradient: it is replaced by the hazard sigmoid(-margin / departure_temperature).
    - Other draws (discrete initial draws, those of a discrete corpus, discrete hidden attributes, a
      joint response of choice and rating) stay hard. Their gradient is that of the score function,
      without a baseline: unbiased, with more variance, and nothing if their distributions have no
      parameters.

    The gradient is exact for the relaxed return, not for the return: it is *biased*, as is the
    value. The bias of slates, choices and innovations goes to zero with the temperature, while the
    variance of the gradient grows; that of a rule goes to zero with `departure_temperature`.
    `benchmarks/policy_gradient.py` prints both where the exact gradient is known: there the bias is
    60 % of the gradient at temperature 4, 18 % at 0.5 and 4 % at 0.125, and at 0.125 one session
    tells less than by the score function. Mohamed et al. 2020 (arXiv 1906.10652) survey the
    estimators.

    Documents may have integer fields, but neither the user model nor the reward may compute with
    them. Candidates, as the policy and the document model see them, are as in `Simulator`. In the
    last response that the policy sees, integer fields are zero. Slates are full.

    Args:
      simulator: its models say what is simulated.
      policy: draws the slates.
      num_users: B, a Python int.
      num_steps: T, a Python int.
      seed: an integer or int32 [2]. The same seed means the same noise.
      temperature: of slates, in the unit of the logits, and of choices and innovations, in that of
        log-probabilities; positive.
      departure_margin: for a rule of departure, maps the users' state to a margin [B] that is
        positive while the user stays, such as `lambda user: user.budget`. Not read where the
        departure is a hazard.
      departure_temperature: in the unit of the margin; positive.

    Returns:
      The relaxed return of each session, [B], in the dtype of the rewards.

    Raises:
      ValueError: if a temperature is not positive, if there is a rule of departure without a
        margin, or if something computes with an integer field that has no mixture; all when the
        function is traced.
    """
    for name, value in (
        ("temperature", temperature),
        ("departure_temperature", departure_temperature),
    ):
        if isinstance(value, (int, float)) and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    initial_seed, loop_seed = random.split_seed(seed, 2)
    initial = _PathwiseDraws(initial_seed, InitialDraws._fields, tf.zeros([num_users], tf.float64))
    first_state = simulator.initial_state(simulator.begin(num_users, initial))
    dtype = simulator.reward_fn(first_state.response).dtype
    zeros = tf.zeros([num_users], dtype)

    def body(step, state, in_session, log_prob, total, seed):
        seed, policy_seed, step_seed = random.split_seed(seed, 3)
        slate_weights = relaxed_slate(
            policy.distribution(simulator.observe(state)), policy_seed, temperature
        )
        draw = _PathwiseDraws(step_seed, StepDraws._fields, log_prob, temperature)
        state, reward = _relaxed_step(simulator, state, slate_weights, draw)
        total += in_session * reward
        in_session *= tf.cast(
            _stay_probability(simulator.users, state.user, departure_margin, departure_temperature),
            dtype,
        )
        if simulator.max_steps is not None:
            in_session = tf.where(state.num_steps < simulator.max_steps, in_session, zeros)
        return step + 1, state, in_session, draw.log_prob, total, seed

    loop_vars = (0, first_state, zeros + 1, tf.cast(initial.log_prob, dtype), zeros, loop_seed)
    return tf.while_loop(
        lambda *_: tf.constant(True),
        body,
        loop_vars,
        parallel_iterations=1,
        maximum_iterations=num_steps,
    )[4]


class _PathwiseDraws:
    """Answers a simulator's stages, relaxed if there is a temperature, pathwise where it can, else
    hard.

    Args:
      seed: an integer or int32 [2].
      stages: names of all stages.
      log_prob: [B], of the earlier hard draws; that of later ones is added to the attribute.
      temperature: of relaxed draws, or None if all are hard.
    """

    def __init__(self, seed, stages: Iterable[str], log_prob: tf.Tensor, temperature=None):
        stages = tuple(stages)
        self._seeds = dict(zip(stages, random.split_seed(seed, len(stages)), strict=True))
        self._temperature = temperature
        self.log_prob = log_prob

    def __call__(self, stage: str, distribution: tfd.Distribution) -> Nest:
        seed = self._seeds[stage]
        may_relax = self._temperature is not None and stage in _RELAXED_STAGES
        if (
            may_relax
            and num_outcomes(distribution) is not None
            and distribution.batch_shape.rank == 1
        ):
            return mixtures.relaxed_sample(distribution, seed, self._temperature)
        draw = random.sample(distribution, seed)
        if all(
            kind == tfd.FULLY_REPARAMETERIZED
            for kind in tf.nest.flatten(distribution.reparameterization_type)
        ):
            return draw
        draw = tf.nest.map_structure(tf.stop_gradient, draw)
        self.log_prob += tf.cast(log_prob_per_user(stage, distribution, draw), self.log_prob.dtype)
        return draw


def _relaxed_step(simulator, state, slate_weights, draw) -> tuple[SimulatorState, tf.Tensor]:
    """The order of `Simulator.step`, without departures: shows slates of weights [B, K, N], and
    gives the next state and the reward [B].
    """
    documents = simulator.documents.describe(state.candidates, state.corpus)
    hidden = state.hidden
    if simulator.resample_documents:
        distribution = simulator.documents.reveal(documents)
        hidden = () if distribution is None else draw("hidden", distribution)
    shown = mixtures.mix_candidates(simulator.documents.show(documents, hidden), slate_weights)
    slate = Slate(shown, tf.ones(slate_weights.shape[:2], tf.bool))

    response_draw = draw("response", simulator.users.response(state.user, slate))
    response = mixtures.apply(
        "response", lambda value: simulator.users.outcome(state.user, slate, value), response_draw
    )
    reward = simulator.reward_fn(response)
    # One, with the gradient of the log-probability of the hard draws behind this reward (Foerster
    # et al. 2018, arXiv 1802.05098).
    log_prob = tf.cast(draw.log_prob, reward.dtype)
    reward *= tf.exp(log_prob - tf.stop_gradient(log_prob))

    innovation_distribution = simulator.users.innovation(state.user, slate, response)
    innovation = (
        () if innovation_distribution is None else draw("innovation", innovation_distribution)
    )
    user = mixtures.apply(
        "user", lambda value: simulator.users.update(state.user, slate, response, value), innovation
    )
    user = refuse_labels(user)
    corpus = refuse_labels(simulator.documents.update(state.corpus, slate, response))
    candidates = state.candidates
    if simulator.resample_documents:
        candidates = draw(
            "candidates",
            simulator.documents.candidates(
                slate_weights.shape[0], simulator.num_candidates, corpus, user
            ),
        )
    next_state = state._replace(
        user=user,
        corpus=corpus,
        candidates=candidates,
        response=zeros_for_labels(response, like=state.response),
        num_steps=state.num_steps + 1,
    )
    return next_state, reward


def _stay_probability(users, state, margin_of, temperature):
    """[B]: the probability of staying, judged on the updated state."""
    departure = users.departure(state)
    if isinstance(departure, tfd.Distribution):
        return tf.exp(departure.log_prob(tf.zeros(departure.batch_shape, departure.dtype)))
    if type(users).departure is UserModel.departure:
        return tf.ones(departure.shape)
    if margin_of is None:
        raise ValueError(
            f"departure_margin is missing: {type(users).__name__} leave by a rule, which has no"
            " gradient. Give a function of their state that is positive while they stay, such as"
            " `lambda user: user.budget`, or make the departure a hazard"
        )
    margin = margin_of(state)
    return tf.sigmoid(margin / tf.cast(temperature, margin.dtype))
