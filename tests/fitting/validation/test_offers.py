# SPDX-License-Identifier: Apache-2.0
"""The document model beside the documents of a log."""

import numpy as np
import pytest

from recsim_tf import Simulator
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers
from recsim_tf.fitting.validation.offers import Offer, offer_of, verdict
from recsim_tf.logs import from_trajectory
from recsim_tf.policies import random_policy

NUM_ITEMS = 12


def _simulator(**arguments):
    items = Catalogue(NUM_ITEMS, 2)
    users = DriftingTasteUsers(num_factors=2)
    return Simulator(users, items, slate_size=2, num_candidates=4, **arguments)


@pytest.fixture(name="log", scope="module")
def fixture_log():
    simulator = _simulator()
    trajectory = simulator.rollout(random_policy(simulator), 300, 3, seed=0)
    log = from_trajectory(trajectory, simulator)
    first, later = trajectory.initial.candidates, trajectory.transitions.draws.candidates
    candidates = np.concatenate([first[np.newaxis], later[:-1]]).swapaxes(0, 1)
    return log._replace(candidates=candidates[:, : log.max_length])


def test_the_document_model_that_made_a_log_offers_its_candidates(log):
    offer = offer_of(_simulator(), log)
    assert offer.missing == 0
    assert (offer.num_offered, offer.num_shown) == (NUM_ITEMS, NUM_ITEMS)
    assert offer.moved == pytest.approx(offer.moved_by_chance, abs=0.03)
    assert offer.stay == pytest.approx(offer.stay_simulated, abs=0.05)
    assert verdict(offer).word == "believable"


def test_a_catalogue_that_lacks_items_is_found(log):
    simulator = _simulator()
    popularity = np.arange(NUM_ITEMS) < 9
    documents = simulator.documents.replaced(popularity=popularity.astype(np.float32))
    offer = offer_of(simulator.replaced(documents=documents), log)
    assert offer.missing == pytest.approx(0.25, abs=0.05)
    assert verdict(offer).word == "not believable"


def test_candidates_that_stay_or_not_are_told_apart(log):
    offer = offer_of(_simulator(resample_documents=False), log)
    assert offer.stay_simulated == 1
    assert "were there one step before" in verdict(offer).reason


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"missing": 0.05}, "with care"),
        ({"missing": 0.2}, "not believable"),
        ({"moved": 0.2}, "with care"),
        ({"moved": 0.4}, "not believable"),
        ({"moved": float("nan")}, "believable"),
        ({"stay": 0.5}, "with care"),
        ({}, "believable"),
    ],
)
def test_each_answer_is_reached(fields, word):
    assert verdict(Offer(0.0, 0.02, 0.02, 0.1, 0.1, 5, 5)._replace(**fields)).word == word
