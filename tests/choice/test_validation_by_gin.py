"""An environment checks its users' choices where a gin file asks for it."""

import gin
import numpy as np
import pytest

from recsim_tf.environments.interest_evolution import PlainVideos, interest_evolution


def step():
    simulator = interest_evolution(documents=PlainVideos())
    return simulator.step(
        simulator.reset(20, seed=0), np.tile(np.int32([0, 1, 2]), [20, 1]), seed=1
    )


def test_scores_below_the_normalizer_are_refused_in_an_environment():
    # The scores of dense documents go below -1.
    step()
    gin.parse_config("MultinomialProportional.validate = True")
    with pytest.raises(
        ValueError,
        match="scores must be at least min_normalizer: a proportional weight is negative",
    ):
        step()
