# SPDX-License-Identifier: Apache-2.0
"""Distributions that TensorFlow Probability lacks."""

from recsim_tf.core.distributions.catalogue import CatalogueIds, candidate_ids
from recsim_tf.core.distributions.categories import (
    UniformCategories,
    clipped_zipf,
    num_outcomes,
    uniform_ids,
)
from recsim_tf.core.distributions.independent import IndependentParts, Shifted, parts_of
from recsim_tf.core.distributions.joint import log_prob, log_prob_parts, parts_with_draws
from recsim_tf.core.distributions.mixtures import Mixture, gaussian_mixture, logsumexp
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.core.distributions.return_time import ReturnTime
from recsim_tf.core.distributions.slates import (
    CertainSlates,
    SlateDistribution,
    SlateMixture,
    UniformSlates,
)
from recsim_tf.core.distributions.unknown import Given, PerhapsUnknown

__all__ = [
    "CatalogueIds",
    "CertainSlates",
    "Given",
    "IndependentParts",
    "Mixture",
    "PerhapsUnknown",
    "PlackettLuce",
    "ReturnTime",
    "Shifted",
    "SlateDistribution",
    "SlateMixture",
    "UniformCategories",
    "UniformSlates",
    "candidate_ids",
    "clipped_zipf",
    "gaussian_mixture",
    "log_prob",
    "log_prob_parts",
    "logsumexp",
    "num_outcomes",
    "parts_of",
    "parts_with_draws",
    "uniform_ids",
]
