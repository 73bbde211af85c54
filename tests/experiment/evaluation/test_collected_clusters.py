import pytest

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.experiment.training.loop import LearningLoop
from tests.experiment.training.test_loop import Recorder


def test_what_is_collected_for_learning_is_counted_by_cluster():
    environment = SlateEnvironment(
        recsim_tf.make("InterestExploration-v1", slate_size=2, num_candidates=5), 20, seed=1
    )
    agent = Recorder(environment, sequence_length=1)
    loop = LearningLoop(
        environment, agent, batch_size=4, replay_length=5, train_steps_per_iteration=1, seed=0
    )
    loop.collect(6)
    scalars = loop.metrics.read_and_clear(1.0)
    fractions = [
        scalars[f"cluster_watch_count_frac/{name}/train"]
        for name in ("cluster_0", "cluster_1", "no_click")
    ]
    assert sum(fractions) == pytest.approx(1)
    assert scalars["CTR/train"] == pytest.approx(fractions[0] + fractions[1])
    assert min(fractions) > 0
