import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from tests import golden

MODELS = {
    "choice_multinomial_logit": choice.MultinomialLogit,
    "choice_multinomial_proportional": choice.MultinomialProportional,
    "choice_exponential_cascade": choice.ExponentialCascade,
    "choice_proportional_cascade": choice.ProportionalCascade,
}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(tf.float64, 1e-9), (tf.float32, 1e-5)], ids=["float64", "float32"]
)
@pytest.mark.parametrize("record", golden.cases(*MODELS))
def test_weights_and_probabilities_are_those_of_recsim(record, dtype, tolerance):
    inputs, outputs = dict(record["inputs"]), record["outputs"]
    scores = tf.constant([inputs.pop("scores")], dtype)
    model = MODELS[record["group"]](validate=True, **inputs)(scores)
    tiny = np.finfo(dtype.as_numpy_dtype).tiny
    weights = [*outputs["unnormalized_scores"], outputs["unnormalized_no_click"]]
    probs = [*outputs["probs"], outputs["prob_no_click"]]
    np.testing.assert_allclose(model.weights()[0], weights, rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(model.probs[0], probs, rtol=tolerance, atol=tiny)
    possible = np.array(probs) > tiny
    np.testing.assert_allclose(
        np.exp(model.log_probs[0])[possible], np.array(probs)[possible], rtol=10 * tolerance
    )
