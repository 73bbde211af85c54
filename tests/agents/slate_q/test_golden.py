import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core.types import Observation
from recsim_tf.policies.beliefs import AffinityScores
from recsim_tf.policies.slates import slate_optimizer
from tests import golden

# RecSim's names of the optimisers.
SLATES = {"top_k": "topk", "greedy": "greedy", "exact": "optimal"}


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("record", golden.cases("slateq_selection"))
def test_slates_and_their_values_are_those_of_recsim(record, jit_compile):
    inputs, outputs = record["inputs"], record["outputs"]
    values = SlateValues(
        weights=tf.constant([inputs["scores"]]),
        no_click_weight=tf.constant([inputs["no_click_score"]]),
        q_items=tf.constant([inputs["q_values"]]),
        q_no_click=tf.zeros([1]),
    )

    @tf.function(jit_compile=jit_compile, autograph=False)
    def select():
        slates = {
            name: values.best_slate(slate_optimizer(name), inputs["slate_size"]) for name in SLATES
        }
        return slates, {name: values.slate_value(slate) for name, slate in slates.items()}

    slates, slate_values = select()
    assert slates["top_k"].numpy().tolist() == [outputs["slate_topk"]]
    for name, recsim in SLATES.items():
        assert slates[name].dtype == tf.int32
        assert set(slates[name].numpy()[0]) == set(outputs[f"slate_{recsim}"])
        np.testing.assert_allclose(slate_values[name], [outputs[f"value_{recsim}"]], rtol=1e-5)


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
