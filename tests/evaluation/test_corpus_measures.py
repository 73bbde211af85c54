# SPDX-License-Identifier: Apache-2.0
"""Measures of the corpus, worked out by hand, and where they are defined."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import (
    coverage,
    provider_exposure,
    provider_gini,
    slate_diversity,
)
from recsim_tf.evaluation.outputs import sessions_table
from recsim_tf.policies import random_policy
from recsim_tf.support.files import write_csv
from tests.experiment.tiny_runs import read_csv
from tests.rollout_policies import first_positions


class Response(NamedTuple):
    cluster_id: tf.Tensor


class Step(NamedTuple):
    slate: tf.Tensor
    response: Any


# The second slate is short: its last position counts for nothing.
STEP = Step(tf.constant([[0, 1, 2], [4, 1, -1]]), Response(tf.constant([[0, 0, 1], [1, 0, 2]])))
SECOND, THIRD = 1 / np.log2(3), 0.5


def value(measure, size):
    return measure.summary(measure.counts(STEP, size).numpy()[:, np.newaxis])


def test_exposure_falls_with_the_position():
    exposure = np.array([1 + SECOND + SECOND, THIRD + 1, 0])
    for provider in range(3):
        found = value(provider_exposure(provider=provider), 3)
        assert found == pytest.approx(exposure[provider] / exposure.sum())
    # 0 has the rank 1, and so on.
    expected = (2 * exposure[0] + 0 * exposure[1] - 2 * 0) / (3 * exposure.sum())
    assert value(provider_gini(), 3) == pytest.approx(expected)


def test_the_gini_coefficient_has_its_bounds():
    gini = provider_gini()
    assert gini.summary(np.full([1, 1, 4], 7.0)) == pytest.approx(0)
    assert gini.summary(np.array([[[0, 0, 9.0, 0]]])) == pytest.approx(0.75)
    assert gini.summary(np.zeros([1, 1, 4])) == 0


def test_diversity_is_the_share_of_pairs_that_differ():
    # Two of three pairs, and the one pair of the short slate.
    assert value(slate_diversity(), 2) == pytest.approx((2 / 3 + 1) / 2)
    assert slate_diversity().summary(np.zeros([1, 1, 2])) == 0


def test_coverage_is_the_share_of_each_corpus_that_is_shown():
    assert value(coverage(), 5) == pytest.approx((3 / 5 + 2 / 5) / 2)


MEASURES = {
    "coverage": coverage(),
    "gini": provider_gini(),
    "first": provider_exposure(provider=0),
    "diversity": slate_diversity(),
}


@pytest.mark.slow
def test_they_are_in_results_and_not_in_sessions(tmp_path):
    simulator = recsim_tf.interest_exploration(resample_documents=False, num_candidates=8)
    evaluation = Evaluation(
        6,
        4,
        measures=MEASURES | {"clicks too": lambda step: tf.reduce_sum(step.response.clicked, 1)},
        seeds=(1, 2),
        segments={"all": lambda user: tf.zeros([12], tf.int32)},
    )
    results = evaluation.results(simulator, lambda _: {"First": first_positions(2)})
    for result in results:
        # Slates of the first two candidates.
        in_json = {"mean": 2 / 8, "standard_error": None}
        assert result.as_json()["measures"]["coverage"] == in_json
        assert 0 < result["gini"].value < 1
        assert list(result.segments["all"]["0"].given) == ["clicks too"]
    (mean,) = results.over_seeds()
    assert mean["gini"].standard_error > 0
    assert " 0.2500 " in str(results)
    write_csv(tmp_path / "sessions.csv", sessions_table(results))
    columns = list(read_csv(tmp_path / "sessions.csv")[0])
    assert columns[-3:] == ["outcome", "clicks too", "all"]


@pytest.mark.slow
def test_providers_of_a_world_have_a_gini_coefficient():
    simulator = recsim_tf.ecosystem(users_per_world=2)
    found = Evaluation(4, 3, measures={"gini": provider_gini()}).evaluate(
        simulator, {"Random": random_policy(simulator)}
    )
    assert 0 < found[0]["gini"].value < 1


def test_a_document_that_several_users_of_a_corpus_are_shown_is_covered_once():
    """Of two corpora of four documents, each with two users, three and one are shown."""
    slates = [[0, 1], [1, 3], [2, -1], [2, -1]]
    shown = coverage().counts(Step(tf.constant(slates), ()), 4).numpy()
    assert coverage().summary(shown.reshape(2, 2, 4)) == pytest.approx((3 / 4 + 1 / 4) / 2)


def test_a_corpus_has_as_many_documents_as_candidates_that_stay():
    simulator = recsim_tf.interest_exploration(resample_documents=False, num_candidates=8)
    assert coverage().shape(simulator) == (8,)
