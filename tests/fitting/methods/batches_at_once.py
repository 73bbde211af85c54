# SPDX-License-Identifier: Apache-2.0
"""A log of eight batches, as a process of eight threads sums its likelihood."""

import json
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import with_engagement
from recsim_tf.fitting import LBFGS, Draws, Parameter
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log
from tests.worlds.clicks import Numbers


class Draw(NamedTuple):
    country: Any
    taste: Any


class Response(NamedTuple):
    clicked: Any
    minutes: Any


class Readers(recsim_tf.UserModel):
    """Users of a country, on which their taste depends, who click and read."""

    loc: Any = recsim_tf.parameter((-0.5, 1.0, 0.3), rank=1)
    gain: Any = recsim_tf.parameter(1.5)
    click_bias: Any = recsim_tf.parameter(-1.0)
    minutes: Any = recsim_tf.parameter(0.5)

    def initial_draws(self, num_users):
        country = tfd.Categorical(logits=tf.zeros([num_users, 3]))

        def taste(country):
            return tfd.Normal(tf.gather(tf.convert_to_tensor(self.loc), country), 1.0)

        return tfd.JointDistributionNamed(Draw(country, taste))

    def response(self, state, slate):
        liking = self.per_user("gain", 2) * state.taste[:, tf.newaxis] * slate.documents
        clicks = tfd.Bernoulli(logits=liking + self.per_user("click_bias", 2))
        minutes = tfd.LogNormal(self.per_user("minutes", 2) * liking, 0.5)
        return with_engagement(tfd.Independent(clicks, 1), lambda clicked: minutes)

    def outcome(self, state, slate, draw):
        clicked = tf.cast(draw.choice, tf.float32)
        return Response(clicked, clicked * draw.engagement)

    def observe(self, state):
        return state.country


def main() -> None:
    simulator = recsim_tf.Simulator(Readers(), Numbers(), slate_size=3, num_candidates=3)
    log = simulated_log(simulator, 400, 20)
    country = np.where(np.arange(400) % 10 == 0, -1, log.initial.country)
    log = log._replace(initial={"country": country})
    names = ("loc", "gain", "click_bias", "minutes")
    fitted = FittedSimulator(simulator, {f"users.{name}": Parameter() for name in names})
    # Graphs with as many draws have temporaries, which TensorFlow names by their graph alone.
    likelihood = Draws(400, search=LBFGS(batch_size=50)).objective(fitted, log)
    sums = [likelihood.total() for _ in range(3)]
    in_turn = [likelihood.value_and_gradients(batch)[0].numpy() for batch in likelihood.batches()]
    print(
        json.dumps(
            {
                "values": [value for value, _ in sums],
                "gradients": [[each.tolist() for each in gradients] for _, gradients in sums],
                "in_turn": float(np.sum(in_turn, dtype=np.float64)),
            }
        )
    )


if __name__ == "__main__":
    main()
