# SPDX-License-Identifier: Apache-2.0
"""Pages of four positions under any click model."""

import numpy as np
import tensorflow as tf

from recsim_tf.choice import ClickModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.logs import Log, simulated_log

NUM_ITEMS, SLATE_SIZE = 20, 4


def pages(click_model: ClickModel, dtype: tf.DType = tf.float32) -> Simulator:
    """Users without features, and items of different attraction and satisfaction."""
    attraction, satisfaction = np.random.default_rng(3).normal(0, 1, [2, NUM_ITEMS])
    items = PageItems(
        NUM_ITEMS,
        attraction,
        satisfaction=satisfaction if click_model.uses_satisfaction else None,
        affinity_probs=[1.0],
        dtype=dtype,
    )
    users = PageClickUsers([[1.0]], intercept=0.0, click_model=click_model, dtype=dtype)
    return page_clicks(users, items, slate_size=SLATE_SIZE, num_candidates=SLATE_SIZE)


def simulated_pages(simulator: Simulator, num_pages: int) -> Log:
    return simulated_log(simulator, num_pages, num_steps=1, seed=1)
