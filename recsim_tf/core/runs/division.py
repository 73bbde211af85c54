# SPDX-License-Identifier: Apache-2.0
"""Division of the users of a simulation into equal parts, for cores and for replicas."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest
from recsim_tf.core.runs import replicas
from recsim_tf.core.runs.execution import side_by_side, traced_call
from recsim_tf.core.step.stages import Models

# The largest and the smallest number of users of a part, unless a number of parts is given.
_USERS_AT_ONCE, _USERS_OF_A_PART = 8192, 1024


class Division(NamedTuple):
    """The division of users into R equal parts, in order. Part r of b users has the users r b to
    (r + 1) b - 1.

    Each part has its own noise: its seed is number r of the R seeds that `random.split_seed` makes
    of the given seed. A single part has the given seed itself.
    """

    num_replicas: int = 1  # R

    @classmethod
    def of(cls, num_users: int, multiple: int = 1) -> "Division":
        """The division with the fewest parts of 1,024 to 8,192 users each, whose number of users is
        a multiple of `multiple`; a single part if there is no such division.
        """
        fewest = -(-num_users // _USERS_AT_ONCE)
        for number in range(fewest, num_users // _USERS_OF_A_PART + 1):
            share, rest = divmod(num_users, number)
            if not rest and share % multiple == 0:
                return cls(number)
        return cls()

    @classmethod
    def of_simulation(cls, models: Models, num_users: int) -> "Division":
        """The division `of` users that keeps worlds whole; a single part if all users share a
        world, or if parameters have values by user.
        """
        if any(number > 1 for number in models.users_of_parameters().values()):
            return cls()
        return cls.of(num_users, models.num_users or num_users // models.corpora.number(num_users))

    def share(self, num_users: int) -> int:
        """The number of users of a part. Raises a ValueError if the parts cannot be equal."""
        if num_users % self.num_replicas:
            raise ValueError(
                f"num_users must be a multiple of num_replicas={self.num_replicas}, got {num_users}"
            )
        return num_users // self.num_replicas

    def seeds(self, seed: tf.Tensor) -> tf.Tensor:
        """The seeds of the parts, int32 [R, 2] or [R, S, 2], from a seed [2] or seeds [S, 2]."""
        if self.num_replicas == 1:
            return seed[tf.newaxis]
        parts = [
            tf.stack(random.split_seed(single, self.num_replicas))
            for single in tf.unstack(tf.reshape(seed, [-1, 2]))
        ]
        return tf.reshape(tf.stack(parts, axis=1), [self.num_replicas, *seed.shape])

    def each(self, function: Callable[[tf.Tensor], Nest]) -> Callable[[tf.Tensor], list[Nest]]:
        """A function from the seed of an evaluation to the results of all parts.

        In the scope of a `tf.distribute` strategy with R replicas of this process, each replica
        simulates a part. Without a strategy the parts go `side_by_side`, with the same results.

        Args:
          function: a compiled function that simulates a part from its seed.

        Raises:
          ValueError: in the scope of a strategy with another number of replicas.
        """
        if replicas.number() == 1:
            if self.num_replicas == 1:
                return lambda seed: [traced_call(function, seed)]
            all_parts = side_by_side(function)

            def run_here(seed: tf.Tensor) -> list[Nest]:
                stacked = traced_call(all_parts, self.seeds(seed))
                return [nests.at_step(stacked, part) for part in range(self.num_replicas)]

            return run_here
        strategy = tf.distribute.get_strategy()
        if replicas.number() != self.num_replicas:
            raise ValueError(
                f"num_replicas must be {replicas.number()}, the replicas of the strategy, got"
                f" {self.num_replicas}"
            )

        @tf.function(autograph=False)
        def everywhere(seeds: tf.Tensor) -> Nest:
            def on_replica():
                replica = tf.distribute.get_replica_context().replica_id_in_sync_group
                return function(tf.gather(seeds, replica))

            return strategy.run(on_replica)

        def run(seed: tf.Tensor) -> list[Nest]:
            with strategy.scope():
                results = everywhere(self.seeds(seed))
            leaves = tf.nest.flatten(results)
            local = [strategy.experimental_local_results(leaf) for leaf in leaves]
            return [tf.nest.pack_sequence_as(results, part) for part in zip(*local, strict=True)]

        return run
