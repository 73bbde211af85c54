"""The training of configs/quickstart.gin written in JAX for this comparison.

Run by `benchmarks/speed.py learning` with an interpreter that has JAX, Flax and Optax (nothing of
recsim_tf is needed):

    python jax_slateq.py --style=idiomatic --seed=0 --users=2048 --batch=60 --iterations=1000

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

The last line is JSON, see `learning_clock.py`. Exits with status 3 where a library is missing.
"""

import argparse
import functools
import json
import platform
import sys

import interest_evolution as evolution
import learning_clock

try:
    import flax
    import jax
    import optax
except ImportError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(evolution.MISSING)

import slateq_idiomatic
import slateq_tuned

STYLES = {"idiomatic": slateq_idiomatic.SlateQ, "tuned": slateq_tuned.TunedSlateQ}


def repeated(function):
    """A compiled function (training, number) -> training that repeats a function of a training."""

    @functools.partial(jax.jit, donate_argnums=0)
    def repeat(training, number):
        return jax.lax.fori_loop(0, number, lambda _, training: function(training), training)

    return repeat


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=list(STYLES), default="idiomatic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=60, help="sequences of a train step")
    learning_clock.add_arguments(parser)
    arguments = parser.parse_args()
    agent, key = STYLES[arguments.style](), jax.random.key(arguments.seed)
    start = jax.jit(
        agent.start, static_argnames="num_users", compiler_options=agent.compiler_options
    )
    collect, iterate = (
        repeated(function)
        for function in (agent.collect, functools.partial(agent.iterate, arguments.batch))
    )
    mean_return = jax.jit(agent.evaluate, static_argnames="num_sessions")
    training = None

    def advance(number):
        nonlocal training
        if training is None:
            # An iteration collects at its end, so what the first one would collect is added.
            training = collect(start(key, num_users=arguments.users), slateq_idiomatic.WARM_UP + 1)
        training = jax.block_until_ready(iterate(training, number))
        return number * arguments.users

    def evaluate(num_sessions):
        evaluation_key = jax.random.fold_in(key, 1)
        return float(mean_return(training.average, evaluation_key, num_sessions=num_sessions))

    result = learning_clock.measure(learning_clock.Plan.of(arguments), advance, evaluate)
    versions = {library.__name__: library.__version__ for library in (jax, flax, optax)}
    versions |= {"python": platform.python_version()}
    print(json.dumps({"style": arguments.style, **result, "versions": versions}))


if __name__ == "__main__":
    main()
