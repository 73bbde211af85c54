# SPDX-License-Identifier: Apache-2.0
"""The bound of conversations, in which the taste is known and every item can be offered."""

import numpy as np
import tensorflow as tf

from recsim_tf.choice import MultinomialLogit
from recsim_tf.conversations.acts import OFFERS
from recsim_tf.conversations.environment import ACT_COSTS, conversation_reward
from recsim_tf.core import random
from recsim_tf.core.simulator import Simulator
from recsim_tf.optima.bound import BOUND, Bound, Sessions, number, require
from recsim_tf.optima.programs import best_slates
from recsim_tf.support.means import Mean


def conversation(simulator: Simulator, sessions: Sessions) -> Bound:
    """A policy that knows tastes offers the best slates until one is accepted. It gains from four
    relaxations: every item is a candidate in each turn, every item shown is endorsed, users reply
    to an offer by a choice or not at all, and a turn without an offer takes no patience.
    """
    users, items = simulator.users, simulator.documents
    is_plain = simulator.reward_fn is conversation_reward
    require("reward_fn", "conversation_reward", simulator.reward_fn, is_plain)
    leaves = users.leaves_satisfied
    require("leaves_satisfied of the users", "True", leaves, leaves)
    model = users.choice_model
    is_logit = type(model) is MultinomialLogit
    require("choice_model of the users", "MultinomialLogit", type(model), is_logit)
    num_turns = sessions.steps()
    state = users.initial_state(random.sample(users.initial_draws(sessions.number), sessions.seed))
    catalogue = items.describe(tf.range(items.num_items)[tf.newaxis], ())
    utility = users.utility(state, catalogue).numpy().astype(np.float64)
    pull = max(number(users.trust, "endorsement") * number(users.trust, "initial"), 0)
    weights = np.exp(number(users, "choice_sharpness") * (utility + pull))
    none = np.exp(number(model, "no_click_mass"))
    replies = 1 / (1 + np.exp(number(users, "ignoring")))
    cost = min(ACT_COSTS[act] for act in OFFERS)

    value = np.zeros(sessions.number)
    for turn in range(num_turns, 0, -1):
        patience = number(users.patience, "initial") - turn * number(users.patience, "effort")
        stays = 1 / (1 + np.exp(-patience / number(users.patience, "scale")))
        declined = stays * value
        chosen = best_slates(weights, utility, none, declined, simulator.slate_size)[1]
        value = np.maximum(replies * chosen + (1 - replies) * declined - cost, 0)
    mean = Mean.of(value)
    return Bound(
        mean.value,
        mean.standard_error,
        BOUND,
        "A policy that knows the taste, may offer any item of the catalogue and endorses all items"
        " of a slate earns no less than any policy.",
    )
