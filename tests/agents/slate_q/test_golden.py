import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core.types import Observation
from recsim_tf.policies.choice_scores import AffinityScores
from recsim_tf.policies.slates import slate_optimizer
from tests import golden

# RecSim's names of the optimisers.
SLATES = {"top_k": "topk", "greedy": "greedy", "exact": "optimal"}


@pytest.mark.parametrize("record", golden.cases("slateq_selection"))
def test_slates_and_their_values_are_those_of_recsim(record):
    inputs, outputs = record["inputs"], record["outputs"]
    values = SlateValues(
        weights=tf.constant([inputs["scores"]]),
        no_click_weight=tf.constant([inputs["no_click_score"]]),
        q_items=tf.constant([inputs["q_values"]]),
        q_no_click=tf.zeros([1]),
    )
    for name, recsim in SLATES.items():
        slate = values.best_slate(slate_optimizer(name), inputs["slate_size"])
        assert slate.dtype == tf.int32
        assert set(slate.numpy()[0]) == set(outputs[f"slate_{recsim}"])
        if name == "top_k":
            assert slate.numpy().tolist() == [outputs["slate_topk"]]
        np.testing.assert_allclose(
            values.slate_value(slate), [outputs[f"value_{recsim}"]], rtol=1e-5
        )


@pytest.mark.parametrize("record", golden.cases("slateq_target"))
def test_targets_are_those_of_recsim(record):
    inputs, outputs = record["inputs"], record["outputs"]
    observation = Observation(
        user=tf.constant(inputs["next_user"]),
        documents=tf.constant(inputs["next_docs"]),
        response=(),
    )
    weights, no_click_weight = AffinityScores()(observation)
    next_slate = tf.constant(inputs["next_slate"])
    values = SlateValues(
        weights,
        no_click_weight,
        tf.constant(inputs["next_q_values"]),
        tf.zeros_like(no_click_weight),
    )
    slates = {
        name: values.best_slate(slate_optimizer(name), next_slate.shape[1]) for name in SLATES
    }
    discount = 1 - np.array(inputs["terminal"])
    for recsim, slate in {
        "sarsa": next_slate,
        **{SLATES[name]: slate for name, slate in slates.items()},
    }.items():
        target = inputs["reward"] + inputs["gamma"] * discount * values.slate_value(slate)
        np.testing.assert_allclose(target, outputs[f"target_{recsim}"], rtol=1e-5)
