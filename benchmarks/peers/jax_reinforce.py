# SPDX-License-Identifier: Apache-2.0
"""The training of configs/interest_evolution/reinforce.gin written in JAX for this comparison.

Run by `benchmarks/speed.py reinforce` with an interpreter that has JAX, Flax and Optax (nothing of
recsim_tf is needed):

    python jax_reinforce.py --style=idiomatic --seed=0 --users=256 --iterations=150

The same as in recsim_tf: REINFORCE with a Plackett-Luce policy over slates of 3 of 10 in
InterestEvolution-v1. An iteration collects 100 steps of all users and learns from each step once,
with lambda-returns that end with the value of the last state, normalised advantages, and Adam with
a cosine decay. The likeliest slates are evaluated. A new user follows in the step in which one
leaves, so no frame is lost at the end of a session.

The styles share the algorithm and the networks:

- idiomatic, in `reinforce_idiomatic.py`, after PureJaxRL (Lu et al. 2022, "Discovered policy
  optimisation"): the rollout and the returns are a `scan`, the environment is one user's under
  `vmap`, and rows of a user and a document, one-hot, go through the networks.
- tuned, in `reinforce_tuned.py`: the first layer has a product for users and a row for each topic,
  so that a document is a number. The numbers of a step are one block, new users are drawn in steps
  where somebody leaves, Adam sees all weights as one vector, and the program that makes a training
  is compiled without optimisations.

The last line is JSON, see `learning_clock.py`. Exits with status 3 where a library is missing.
"""

import jax_training
import reinforce_idiomatic
import reinforce_tuned

if __name__ == "__main__":
    jax_training.main(
        __doc__,
        {
            "idiomatic": reinforce_idiomatic.Reinforce,
            "tuned": reinforce_tuned.TunedReinforce,
        },
    )
