"""Concept activation vectors: what users mean by attributes, found in their tags."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.conversations.soft_attributes.taggers import RatingsAndTags
from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.runs.execution import compiled, traced_call

# Standard deviation of the normal prior of the regression's coefficients, which keeps them finite
# where directions separate the tags perfectly.
_PRIOR_SCALE = 30.0


class ConceptVectors(NamedTuple):
    """What users mean by A attributes, in S senses, of which the likeliest is first."""

    directions: np.ndarray  # float32 [A, S, F], of length 1
    thresholds: np.ndarray  # float32 [A, S]: a film with a degree above it has the attribute
    sharpness: np.ndarray  # float32 [A, S], of the difference between degree and threshold
    sense_probs: np.ndarray  # float32 [A, S]
    log_likelihood: np.ndarray  # float32 [A], of the tags


def concept_vectors(
    factors: np.ndarray,
    ratings: RatingsAndTags,
    num_senses: int = 1,
    num_starts: int = 8,
    max_iterations: int = 300,
    seed: int = 0,
) -> ConceptVectors:
    """Fits a direction for each sense of each attribute to the tags of users.

    A concept activation vector is the direction in which items have more of an attribute, in the
    space of a recommender's factors (Kim et al. 2018, arXiv 1711.11279; Göpfert et al. 2022, arXiv
    2202.02830). Each film that a user tagged is a yes or a no for each attribute, by a logistic
    regression on its factors. Users differ in what they mean: a user has one sense of each
    attribute, which is summed out. The search starts several times, and the best end is taken.

        found = concept_vectors(factors, transition.response, num_senses=2)
        users = ConversationUsers(num_factors=10, directions=found.directions)

    Args:
      factors: [D, F] of all films: true ones, or those that a recommender has learned.
      ratings: of B users; films that are not tagged say nothing.
      num_senses: S.
      num_starts: of the search.
      max_iterations: of L-BFGS.
      seed: an integer or int32 [2].

    Raises:
      ValueError: for an argument out of range, or if nothing is tagged.
    """
    validation.check_count(
        num_senses=num_senses, num_starts=num_starts, max_iterations=max_iterations
    )
    factors = np.asarray(factors, np.float32)
    if factors.ndim != 2 or not np.isfinite(factors).all():
        raise ValueError(f"factors must be finite, of shape [D, F], got the shape {factors.shape}")
    user, position = np.nonzero(np.asarray(ratings.is_tagged))
    if not len(user):
        raise ValueError("ratings must have tagged films, got none")
    films = np.asarray(ratings.film)[user, position]
    if films.max() >= len(factors):
        raise ValueError(
            f"films must be rows of factors, in [0, {len(factors)}), got {films.max()}"
        )
    tags = np.asarray(ratings.tags, np.float32)[user, position]
    _, who = np.unique(user, return_inverse=True)
    # One unit for all factors, so that the prior does not depend on theirs.
    unit = factors.std() or 1.0
    ones = np.ones_like(factors[films, :1])
    features = np.concatenate([factors[films] / unit, ones], axis=1)
    shape = [num_starts, tags.shape[1], num_senses * (features.shape[1] + 1)]
    starts = random.normal(shape, random.as_seed(seed), tf.float32)
    found = _fitted(features, tags, who, num_senses, starts, max_iterations)
    coefficients, log_probs, log_likelihood = (leaf.numpy() for leaf in found)
    scaled, constants = coefficients[..., :-1] / unit, coefficients[..., -1]
    sharpness = np.linalg.norm(scaled, axis=-1)
    likeliest_first = (np.arange(len(log_probs))[:, np.newaxis], np.argsort(-log_probs, axis=-1))
    return ConceptVectors(
        directions=(scaled / sharpness[..., np.newaxis])[likeliest_first],
        thresholds=(-constants / sharpness)[likeliest_first],
        sharpness=sharpness[likeliest_first],
        sense_probs=np.exp(log_probs)[likeliest_first],
        log_likelihood=log_likelihood,
    )


def _fitted(
    features: np.ndarray,
    tags: np.ndarray,
    who: np.ndarray,
    num_senses: int,
    starts: tf.Tensor,
    max_iterations: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Coefficients [A, S, F + 1], log-probabilities of senses [A, S] and the log-likelihood [A] at
    the best end of searches from starts [N, A, S * (F + 2)]. P tagged films have features
    [P, F + 1], the last a constant, and tags [P, A] of the users int [P].
    """
    signs = (2 * tags - 1)[:, np.newaxis, :, np.newaxis]

    def split(values: tf.Tensor):
        shape = [*values.shape[:-1], num_senses, features.shape[1]]
        coefficients = tf.reshape(values[..., :-num_senses], shape)
        return coefficients, tf.nn.log_softmax(values[..., -num_senses:])

    def log_likelihood(values: tf.Tensor):
        coefficients, log_probs = split(values)
        scores = tf.einsum("pf,nasf->pnas", features, coefficients)
        of_tags = tf.math.log_sigmoid(signs * scores)
        by_user = tf.math.unsorted_segment_sum(of_tags, who, int(who.max()) + 1)
        return tf.reduce_sum(tf.reduce_logsumexp(by_user + log_probs, axis=-1), axis=0)

    def loss(values: tf.Tensor):
        coefficients, _ = split(values)
        prior = tf.reduce_sum(coefficients**2, axis=[-2, -1]) / (2 * _PRIOR_SCALE**2)
        return prior - log_likelihood(values)

    @compiled
    def search(starts: tf.Tensor):
        found = tfp.optimizer.lbfgs_minimize(
            lambda values: tfp.math.value_and_gradient(loss, values),
            starts,
            max_iterations=max_iterations,
        )
        best = tf.argmin(found.objective_value, axis=0, output_type=tf.int32)
        best = tf.stack([best, tf.range(best.shape[0])], axis=1)
        values = tf.gather_nd(found.position, best)
        return *split(values), log_likelihood(values[tf.newaxis])[0]

    return traced_call(search, starts)
