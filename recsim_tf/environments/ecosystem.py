# SPDX-License-Identifier: Apache-2.0
"""The ecosystem, in which users share providers who depend on their clicks."""

import dataclasses
from typing import Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions import gaussian_mixture
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions


class Draw(NamedTuple):
    """Draws of documents; leading axes [W, N]."""

    cluster_id: tf.Tensor  # int32 [...], in [0, P): the provider
    features: tf.Tensor  # [..., F]


class Document(NamedTuple):
    """Documents; leading axes [W, N] or [B, K]."""

    cluster_id: tf.Tensor  # int32 [...], in [0, P): the provider
    features: tf.Tensor  # [..., F]
    # [...]: clicks of the provider so far less the mean of all providers; users do not see it
    lead: tf.Tensor


class Attention(NamedTuple):
    """The state of the providers of a world."""

    discounted: tf.Tensor  # [W, P]: clicks, discounted in each step
    clicks: tf.Tensor  # [W, P]: all clicks so far
    present: tf.Tensor  # [W, P]: 1 for a provider who has not left, else 0


class Response(NamedTuple):
    """The response to a slate."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    utility: tf.Tensor  # [B], the utility of the choice to the user; 0 without a choice
    cluster_id: tf.Tensor  # int32 [B, K]: the providers shown


@checked
def provider_layout(
    seed: int,
    num_clusters: Count = 40,
    providers_per_cluster: Count = 2,
    num_features: Count = 2,
    dispersion: float = 64.0,
) -> np.ndarray:
    """Mean features of P = num_clusters * providers_per_cluster providers, float32 [P, F].

    They are the draws of RecSim NG 0.1.2's `init_random_provider_clusters` after
    `numpy.random.seed(seed)`.

    Args:
      seed: the seed of NumPy's legacy generator.
      num_clusters: the number of clusters of providers.
      providers_per_cluster: the number of providers around each centre. Each of their features has
        variance 1/2.
      num_features: F.
      dispersion: the variance of each feature of the centres.
    """
    # One stream draws the centres first, and then the providers of each centre.
    generator = np.random.RandomState(seed)
    centres = dispersion**0.5 * generator.randn(num_clusters, 1, num_features)
    around = 0.5**0.5 * generator.randn(num_clusters, providers_per_cluster, num_features)
    means = around + centres.astype(np.float32)
    return means.astype(np.float32).reshape(-1, num_features)


@configurable
class Providers(DocumentModel):
    """Providers who make documents in proportion to the attention that they get, RecSim NG 0.1.2's
    `ViableCorpus`.

    All users of a world share them. Every step brings N new documents. A document comes from
    provider p with a probability in proportion to (1 + c_p)^popularity, where c_p is the provider's
    discounted clicks, and has features N(means[p], stddev). Then c_p becomes `discount` * c_p plus
    the clicks of the users in the world.

    With a `leaving_hazard` providers also leave for good, in the spirit of Mladenov et al. 2020,
    "Optimizing Long-term Social Welfare in Recommender Systems" (arXiv 2008.00104), whose providers
    need some engagement to stay viable. In each step a provider with less than `viability`
    discounted clicks leaves with that probability, and always if it is 1. The provider with the
    most discounted clicks never leaves.

    Args:
      means: [P, F], mean features of the documents of each provider, such as `provider_layout`
        gives.
      popularity: the exponent of the attention, RecSim NG's gamma.
      discount: the part of clicks that a step keeps, in [0, 1).
      stddev: the standard deviation of each feature around its provider's mean.
      leaving_hazard: None where providers never leave, else a probability.
      viability: the discounted clicks that a provider needs to stay.
    """

    means: Any = parameter(rank=2)
    popularity: Any = parameter(2.0, low=0)
    discount: Any = parameter(0.96, low=0, below=1)
    stddev: Any = parameter(1.0, above=0)
    leaving_hazard: Any = parameter(None, low=0, high=1)
    viability: Any = parameter(1.0, low=0)

    shared = True
    shows_state = False  # Agents see the lead of a provider, and users do not.

    def check(self):
        validation.check_table("means", self.means, P=None, F=None)

    @property
    def num_providers(self) -> int:
        """The number of providers, P."""
        return validation.table_shape("means", self.means)[-2]

    @property
    def num_features(self) -> int:
        """The number of features, F."""
        return validation.table_length("means", self.means)

    def initial_state(self, draws: Nest, num_corpora: int):
        nothing = tf.zeros([num_corpora, self.num_providers], self.dtype)
        return Attention(nothing, nothing, tf.ones_like(nothing))

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Attention, user: Nest):
        attention = self.per_user("popularity", 2) * tf.math.log(1 + corpus.discounted)
        logits = attention + tf.math.log(corpus.present)
        shape = [num_corpora, num_candidates, self.num_providers]
        provider = tfd.Categorical(logits=tf.broadcast_to(logits[:, tf.newaxis], shape))

        def features(cluster_id: tf.Tensor):
            mean = self.entries("means", cluster_id, [self.num_providers, self.num_features])
            return tfd.Independent(tfd.Normal(mean, self.per_user("stddev", 3)), 2)

        return tfd.JointDistributionNamed(
            Draw(cluster_id=tfd.Independent(provider, 1), features=features)
        )

    def describe(self, draw: Draw, corpus: Attention):
        lead = corpus.clicks - tf.reduce_mean(corpus.clicks, axis=1, keepdims=True)
        return Document(*draw, lead=nests.take(lead, draw.cluster_id))

    def show(self, documents: Document, hidden: Nest):
        return Draw(documents.cluster_id, documents.features)

    def innovation(self, corpus: Attention, slate: Slate, response: Response):
        if self.leaving_hazard is None:
            return None
        attention = corpus.discounted * corpus.present
        best = tf.reduce_max(attention, axis=1, keepdims=True)
        at_risk = (attention < self.per_user("viability", 2)) & (attention < best)
        hazard = tf.where(at_risk, self.per_user("leaving_hazard", 2), tf.zeros([], self.dtype))
        return tfd.Independent(tfd.Bernoulli(probs=hazard), 1)

    def update(self, corpus: Attention, slate: Slate, response: Response, innovation: Nest):
        made_by = tf.one_hot(slate.documents.cluster_id, self.num_providers, dtype=self.dtype)
        clicks = tf.reduce_sum(made_by * response.clicked[..., tf.newaxis], axis=[1, 2])
        discounted = self.per_user("discount", 2) * corpus.discounted + clicks
        left = tf.cast(innovation, self.dtype) if tf.is_tensor(innovation) else 0.0
        return Attention(discounted, corpus.clicks + clicks, corpus.present * (1 - left))

    def observe(self, documents: Document):
        return documents

    def observation_bounds(self):
        return Document(Bounds(0, self.num_providers - 1), Bounds(), Bounds())


class ResponseDraw(NamedTuple):
    """Draws of a response."""

    choice: tf.Tensor  # int32 [B]: the chosen position, or K for "no click"
    utility: tf.Tensor  # [B]


@configurable
class ClusteredUsers(UserModel[tf.Tensor, Draw, Response]):
    """Users who choose the documents close to them, RecSim NG 0.1.2's
    `ClusteredNormalUserCoreDispersion`.

    The interests u of a user are drawn from N(means[p], core_stddev / (1 + |means[p]|)) around a
    provider p, which is drawn with probability in proportion to 1 / (1 + |means[p]|). So users
    crowd where providers are near the centre. A user chooses by scores 2 - |u - v|. The utility of
    the choice is that score plus noise. Then u moves by `interest_step_size` * (u - v). As in
    RecSim NG, a positive step goes *away* from the chosen document. Users do not leave.

    Args:
      means: [P, F], the mean features of providers, the same as in the documents.
      core_stddev: the standard deviation of interests around a provider in the centre.
      utility_stddev: the standard deviation of the noise of utilities.
      interest_step_size: the factor of the step away from the chosen document.
      choice_model: the model that chooses by the scores; by default a logit that always chooses.
    """

    means: Any = parameter(rank=2)
    core_stddev: Any = parameter(20.5, above=0)
    utility_stddev: Any = parameter(1.0, above=0)
    interest_step_size: Any = parameter(0.0)
    choice_model: choice.ChoiceModel = dataclasses.field(default_factory=choice.MultinomialLogit)

    @property
    def num_providers(self) -> int:
        """The number of providers, P."""
        return validation.table_shape("means", self.means)[-2]

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, Providers):
            num_providers, num_features = documents.num_providers, documents.num_features
            validation.check_table("means", self.means, P=num_providers, F=num_features)

    def initial_draws(self, num_users: int):
        means = self.per_user("means", 3)
        distance = tf.norm(means, axis=-1, keepdims=True)
        scale = tf.ones_like(means) * self.per_user("core_stddev", 3) / (1 + distance)
        logits = -tf.math.log1p(distance[..., 0])
        return gaussian_mixture(num_users, means, scale, logits)

    def response(self, state: tf.Tensor, slate: Slate[Draw]):
        scores = 2 + choice.affinity.negative_euclidean(state, slate.documents.features)

        def utility(choice: tf.Tensor):
            is_chosen = tf.one_hot(choice, scores.shape[1], dtype=self.dtype)
            score = tf.reduce_sum(is_chosen * scores, axis=1)
            return tfd.Normal(score, self.per_user("utility_stddev"))

        return tfd.JointDistributionNamed(
            ResponseDraw(choice=self.choice_model(scores, slate.mask), utility=utility)
        )

    def outcome(self, state: tf.Tensor, slate: Slate[Draw], draw: ResponseDraw):
        clicked = tf.one_hot(draw.choice, slate.mask.shape[1], dtype=self.dtype)
        utility = draw.utility * tf.reduce_sum(clicked, axis=1)
        return Response(clicked, utility, slate.documents.cluster_id)

    def update(self, state: tf.Tensor, slate: Slate[Draw], response: Response, innovation: Nest):
        away = state[:, tf.newaxis] - slate.documents.features
        chosen = tf.reduce_sum(response.clicked[:, :, tf.newaxis] * away, axis=1)
        return state + self.per_user("interest_step_size", 2) * chosen

    def observe(self, state: tf.Tensor):
        return state

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(), Bounds(0, self.num_providers - 1))


def utility_reward(response: Response) -> tf.Tensor:
    """The utility of the choice to the user, [B]."""
    return response.utility


@configurable
def ecosystem(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    means: np.ndarray | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """The ecosystem, "Ecosystem-v0": users share providers who make documents in proportion to
    their clicks. It is RecSim NG 0.1.2's ecosystem simulation.

    Observation: `user` [B, F], the interests. `documents` has the `cluster_id` int32 [B, N] (the
    provider), `features` [B, N, F], and `lead` [B, N] (clicks of the provider so far less the mean
    of all providers). `response` to the last slate has `clicked` [B, K], `utility` [B] and
    `cluster_id` int32 [B, K]. Reward: the utility. Users do not leave, so the time limit truncates
    a session.

        simulator = recsim_tf.make("Ecosystem-v0")
        state = simulator.reset(num_users=4000, seed=0)  # two worlds

    Args:
      users, documents: the models, by default `ClusteredUsers(means)` and
        `Providers(means)` of the dtype.
      means: [P, F], mean features of the providers of the default models, by default
        `provider_layout(0)`.
      **simulator: further arguments of `Simulator`; by default as in RecSim NG's demonstration:
        worlds of 2,000 users, slates of 3 of 5 documents for each provider, and 300 steps.
    """
    means = provider_layout(0) if means is None else means
    users = users or ClusteredUsers(means, dtype=dtype)
    documents = documents or Providers(means, dtype=dtype)
    options: SimulatorOptions = {"slate_size": 3, "max_steps": 300, "reward_fn": utility_reward}
    if isinstance(documents, Providers):
        options |= {"num_candidates": 5 * documents.num_providers, "users_per_world": 2000}
    options |= simulator
    return Simulator(users, documents, **options)
