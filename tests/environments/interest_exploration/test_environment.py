import gin
import pytest

import recsim_tf
from recsim_tf.environments.interest_exploration import (
    InterestExplorationUsers,
    TopicDocuments,
    interest_exploration,
)


def test_defaults_are_those_of_the_recsim_factory_and_runner():
    simulator = recsim_tf.make("InterestExploration-v1")
    observation = simulator.observe(simulator.reset(4, seed=0))
    assert observation.user.shape == [4, 0]
    assert (observation.documents.cluster_id.shape, observation.documents.quality.shape) == (
        [4, 10],
        [4, 10],
    )
    assert observation.response._fields == ("clicked", "quality", "cluster_id")
    assert simulator.resample_documents
    assert simulator.max_steps == 27000


def test_two_environments_of_different_numbers_of_topics_live_side_by_side():
    users = InterestExplorationUsers(
        affinity_loc=[[0.1, 0.2, 0.3]] * 2, affinity_scale=[[0.1] * 3] * 2
    )
    documents = TopicDocuments([0.2, 0.3, 0.5], [0.0] * 3, [1.0] * 3)
    three, two = interest_exploration(users=users, documents=documents), interest_exploration()
    assert three.documents.observation_bounds().cluster_id == (0, 2)
    assert two.documents.observation_bounds().cluster_id == (0, 1)
    with pytest.raises(ValueError, match="documents must have the num_topics=3 of users, got 2"):
        interest_exploration(users=users)


def test_gin_sets_the_constants():
    gin.parse_config(
        [
            "InterestExplorationUsers.choice_model = @MultinomialLogit()",
            "MultinomialLogit.no_click_mass = 2.0",
            "TopicDocuments.topic_distribution = (0.5, 0.5)",
        ]
    )
    simulator = recsim_tf.make("InterestExploration-v1")
    assert simulator.users.choice_model.no_click_mass == 2.0
    assert simulator.documents.topic_distribution == (0.5, 0.5)
