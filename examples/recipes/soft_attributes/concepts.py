"""Concept activation vectors: directions of attributes, fitted to the tags of users."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.runs.execution import compiled, traced_call

from recipes.soft_attributes.taggers import RatingsAndTags

# Standard deviation of the normal prior of the regression's coefficients. The prior keeps them
# finite if directions separate the tags perfectly.
_PRIOR_SCALE = 30.0


class ConceptVectors(NamedTuple):
    """The directions of A attributes in S senses, the likeliest sense first."""

    directions: np.ndarray  # float32 [A, S, F], unit vectors
    thresholds: np.ndarray  # float32 [A, S], degrees above which a film has the attribute
    sharpness: np.ndarray  # float32 [A, S], factor of the difference between degree and threshold
    sense_probs: np.ndarray  # float32 [A, S]
    log_likelihood: np.ndarray  # float32 [A], log-likelihood of the tags


@checked
def concept_vectors(
    factors: np.ndarray,
    ratings: RatingsAndTags,
    num_senses: Count = 1,
    num_starts: Count = 8,
    max_iterations: Count = 300,
    seed: int = 0,
) -> ConceptVectors:
    """Fits a direction for each sense of each attribute to the tags of users.

    A concept activation vector is the direction in which items have more of an attribute, in the
    space of a recommender's factors (Kim et al. 2018, arXiv 1711.11279; Göpfert et al. 2022, arXiv
    2202.02830). Each film that a user tagged is a yes or a no for each attribute, by a logistic
    regression on its factors. Each user has one sense of each attribute, which is summed out. The
    search starts several times, and the best result is taken.

        concepts = concept_vectors(factors, transition.response, num_senses=2)
        users = ConversationUsers(num_factors=10, directions=concepts.directions)

    Args:
      factors: factors of all films, [D, F], true or learned by a recommender.
      ratings: ratings and tags of B users. Films without tags are ignored.
      num_senses: number of senses S.
      num_starts: number of starts of the search.
      max_iterations: largest number of iterations of L-BFGS.
      seed: an integer or int32 [2].

    Raises:
      ValueError: for an argument out of range, or if nothing is tagged.
    """
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
    _, tagger = np.unique(user, return_inverse=True)
    # Factors are scaled by the same unit, so that the prior does not depend on their scale.
    unit = factors.std() or 1.0
    ones = np.ones_like(factors[films, :1])
    features = np.concatenate([factors[films] / unit, ones], axis=1)
    shape = [num_starts, tags.shape[1], num_senses * (features.shape[1] + 1)]
    starts = random.normal(shape, random.as_seed(seed), tf.float32)
    results = _fitted(features, tags, tagger, num_senses, starts, max_iterations)
    coefficients, log_probs, log_likelihood = (leaf.numpy() for leaf in results)
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
    tagger: np.ndarray,
    num_senses: int,
    starts: tf.Tensor,
    max_iterations: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Coefficients [A, S, F + 1], log-probabilities of senses [A, S] and the log-likelihood [A] at
    the best result of searches from starts [N, A, S * (F + 2)]. P tagged films have features
    [P, F + 1], of which the last is a constant, and tags [P, A] by the users `tagger` int [P].
    """
    signs = (2 * tags - 1)[:, np.newaxis, :, np.newaxis]

    def split(values: tf.Tensor):
        shape = [*values.shape[:-1], num_senses, features.shape[1]]
        coefficients = tf.reshape(values[..., :-num_senses], shape)
        return coefficients, tf.nn.log_softmax(values[..., -num_senses:])

    def log_likelihood(values: tf.Tensor):
        coefficients, log_probs = split(values)
        scores = tf.einsum("pf,nasf->pnas", features, coefficients)
        tag_log_probs = tf.math.log_sigmoid(signs * scores)
        by_user = tf.math.unsorted_segment_sum(tag_log_probs, tagger, int(tagger.max()) + 1)
        return tf.reduce_sum(tf.reduce_logsumexp(by_user + log_probs, axis=-1), axis=0)

    def loss(values: tf.Tensor):
        coefficients, _ = split(values)
        prior = tf.reduce_sum(coefficients**2, axis=[-2, -1]) / (2 * _PRIOR_SCALE**2)
        return prior - log_likelihood(values)

    @compiled
    def search(starts: tf.Tensor):
        results = tfp.optimizer.lbfgs_minimize(
            lambda values: tfp.math.value_and_gradient(loss, values),
            starts,
            max_iterations=max_iterations,
        )
        best = tf.argmin(results.objective_value, axis=0, output_type=tf.int32)
        best = tf.stack([best, tf.range(best.shape[0])], axis=1)
        values = tf.gather_nd(results.position, best)
        return *split(values), log_likelihood(values[tf.newaxis])[0]

    return traced_call(search, starts)
