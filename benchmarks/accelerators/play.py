# SPDX-License-Identifier: Apache-2.0
"""Plays the sessions of an exported environment in JAX, without TensorFlow.

    python play.py FOLDER ACTIONS RESULT SECONDS

ACTIONS is a file of NumPy with an action [T, B, ...] for each step, by name. RESULT gets the
rewards [T, B], and the seconds of each repetition of all steps.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np


def main() -> None:
    folder, actions_file, result, seconds = sys.argv[1:]
    sys.path.insert(0, folder)
    from environment import Environment

    environment = Environment(folder)
    actions = {name.partition(".")[2]: each for name, each in np.load(actions_file).items()}
    actions = actions.get("", actions)  # A slate alone has no further name.
    num_steps = len(jax.tree.leaves(actions)[0])

    @jax.jit
    def play(actions):
        _, state = environment.reset(jnp.int32([0, 1]))

        def body(state, step):
            number, action = step
            _, state, reward, *_ = environment.step(jnp.stack([number, 5]), state, action)
            return state, reward

        numbers = jnp.arange(num_steps, dtype=jnp.int32)
        return jax.lax.scan(body, state, (numbers, actions))[1]

    actions = jax.tree.map(jnp.asarray, actions)
    rewards = play(actions).block_until_ready()
    times, begun = [], time.perf_counter()
    while not times or time.perf_counter() - begun < float(seconds):
        started = time.perf_counter()
        play(actions).block_until_ready()
        times.append(time.perf_counter() - started)
    np.savez(result, rewards=rewards, times=times)


if __name__ == "__main__":
    main()
