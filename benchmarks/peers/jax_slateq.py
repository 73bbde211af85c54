# SPDX-License-Identifier: Apache-2.0
"""The training of configs/quickstart.gin written in JAX for this comparison.

Run by `benchmarks/speed.py learning` with an interpreter that has JAX, Flax and Optax (nothing of
recsim_tf is needed):

    python jax_slateq.py --style=idiomatic --seed=0 --users=2048 --batch=20 --iterations=1000

The same as in recsim_tf: SlateQ with a `SessionQNetwork` in InterestEvolution-v1, the differential
target, lambda-returns of 100 steps by the clock of rewards, the clicks and impressions of a session
by topic, Adam with a cosine decay, and averaged weights, which are evaluated. An iteration steps
all users once and learns once, from sequences of a replay that is on the device. All of it is one
compiled loop, after PureJaxRL (Lu et al. 2022, "Discovered policy optimisation") and Podracer's
Anakin (Hessel et al. 2021, arXiv 2104.06272). The environment is that of `jax_simulation.py`. A new
user follows in the step in which one leaves, so no frame is lost at the end of a session.

The styles share the algorithm, the network and the loop:

- idiomatic, in `slateq_idiomatic.py`: what a user of these libraries writes. A user's step is
  written for one user, with `vmap` over users and a key for each draw. The replay keeps the
  observation as the agent meets it, with one-hot candidates. Slates are found with `top_k`, until
  the value stops rising. Returns are a `scan` backwards over time.
- tuned, in `slateq_tuned.py`: the least time of the ways that were tried, for the same results. The
  network of items sees the 20 topics instead of all rows of documents, and its results are looked
  up. A frame keeps the topics of the slate alone. The numbers of a step are one block, and new
  users are drawn in steps where somebody leaves. Slates take four rounds of three maxima, with
  users as the last axis. Returns take seven passes, each over twice as many steps. Adam sees all
  weights as one vector. The program that makes a training is compiled without optimisations.

In both styles XLA leaves out the heads of the network that a slate does not depend on. A barrier
keeps the replay from being copied twice an iteration, and the replay has the users first, so that a
sequence is read in one piece. Without a gain were: the first layers of the three heads of a user as
one product, features or heads as the first axis of the products, the generator "rbg" in place of
JAX's default, and frames as single rows.

`--environment=FOLDER` trains the idiomatic agent in the environment that the folder has, of 2,048
users and slates of 3 of 10, which `Simulator.export_environment` wrote.

The last line is JSON, see `learning_clock.py`. Exits with status 3 where a library is missing.
"""

import jax_training
import slateq_exported
import slateq_idiomatic
import slateq_tuned

if __name__ == "__main__":
    jax_training.main(
        __doc__,
        {"idiomatic": slateq_idiomatic.SlateQ, "tuned": slateq_tuned.TunedSlateQ},
        slateq_exported.ExportedSlateQ,
    )
