# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from recipes.soft_attributes import AttributeRaters, soft_attributes

import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.fitting import Classes
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator


def test_the_relation_is_an_ordered_logit_of_the_difference_of_degrees():
    raters = AttributeRaters(
        num_raters=1,
        num_attributes=1,
        num_films=3,
        num_factors=2,
        directions=[[[1.0, 2.0]]],
        factors=[[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]],
        offsets=[[0.0, 0.5, 0.0]],
        scales=[2.0],
        widths=[0.5],
        shifts=[0.1],
    )
    simulator = soft_attributes(raters, slate_size=2, num_candidates=2)
    query = simulator.query_spec._replace(attribute=tf.constant([0]), reference=tf.constant([0]))
    slate = recsim_tf.Slate(tf.constant([[1, 2]]), tf.constant([[True, True]]), query)
    state = raters.initial_draws(1).sample(seed=1)
    probs = tf.exp(raters.relations(state, slate).categorical_log_probs())[0].numpy()

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    # Degrees 2.5 and 6 beside 1 of the reference.
    for row, loc in enumerate((2 * 1.5, 2 * 5.0)):
        below, above = sigmoid(-0.4 - loc), 1 - sigmoid(0.6 - loc)
        np.testing.assert_allclose(probs[row], [below, 1 - below - above, above], atol=1e-6)


@pytest.mark.slow
def test_the_environment_passes_the_checks():
    raters = AttributeRaters(num_raters=3, num_attributes=2, num_films=12, num_factors=2)
    recsim_tf.check(soft_attributes(raters, slate_size=6, num_candidates=8))


@pytest.mark.slow
def test_what_raters_mean_is_summed_out_where_a_log_lacks_it():
    raters = AttributeRaters(
        num_raters=3, num_attributes=2, num_films=12, num_factors=2, num_senses=2
    )
    simulator = soft_attributes(raters, slate_size=6, num_candidates=8)
    complete = logs.simulated_log(simulator, 20, 1, seed=2)
    by_sense = [
        fitting.session_log_prob(
            simulator,
            complete._replace(
                initial=complete.initial._replace(sense=np.full(20, sense, np.int32))
            ),
        )
        for sense in range(2)
    ]
    log = complete._replace(initial=complete.initial._replace(sense=()))
    fitted = FittedSimulator(simulator, {"users.widths": fitting.Parameter([0.5, 0.5])})
    found = Classes(search=fitting.LBFGS(batch_size=20)).objective(fitted, log).by_session()
    np.testing.assert_allclose(found, np.logaddexp(*by_sense), rtol=1e-5)
