# SPDX-License-Identifier: Apache-2.0
"""Runs a script of a learner with an environment of one item, flat, whose id needs no arguments.

python one_item.py SCRIPT [ARGUMENT ...]
"""

import runpy
import sys

import gymnasium

import recsim_tf.adapters.gymnasium

ID = "recsim_tf/OneItem-v0"

if __name__ == "__main__":
    recsim_tf.adapters.gymnasium.register_environments()
    users = gymnasium.spec("recsim_tf/InterestEvolution-v1")
    arguments = {**users.kwargs, "flatten": True, "slate_size": 1}
    gymnasium.register(ID, users.entry_point, kwargs=arguments)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
