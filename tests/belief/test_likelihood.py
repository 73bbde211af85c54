# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

import recsim_tf
from recsim_tf.core.step.stages import STEP_STAGES, Sampled

SLATE = np.tile(np.int32([0, 1]), [50, 1])


def turn(simulator):
    """State, slate, draw and observed response of a step."""
    state = simulator.reset(50, seed=0)
    shown, _ = Sampled(1, STEP_STAGES).show(simulator, state, recsim_tf.Turn(SLATE))
    _, transition = simulator.step(state, SLATE, seed=1)
    seen = simulator.users.observe_response(transition.response)
    return state.user, shown, transition.draws.response, seen


@pytest.mark.parametrize(
    "name",
    ["DriftingTaste-v0", "InterestEvolution-v1", "InterestExploration-v1", "PageClicks-v0"],
)
def test_what_an_agent_saw_has_the_log_probability_of_the_draw(name):
    simulator = recsim_tf.make(name, slate_size=2, num_candidates=5)
    users = simulator.users
    state, shown, draw, seen = turn(simulator)
    np.testing.assert_array_equal(users.recorded_draw(shown, seen), draw)
    np.testing.assert_array_equal(
        users.likelihood(state, shown, seen), users.response(state, shown).log_prob(draw)
    )


def test_users_who_do_more_than_choose_must_say_what_was_drawn():
    simulator = recsim_tf.make("LongTermSatisfaction-v1", slate_size=2, num_candidates=5)
    state, shown, _, seen = turn(simulator)
    with pytest.raises(ValueError, match="LongTermSatisfactionUsers must override recorded_draw"):
        simulator.users.likelihood(state, shown, seen)
