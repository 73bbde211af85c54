"""The users of an evaluation in equal parts, one for each replica."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from recsim_tf import replicas
from recsim_tf.core import nests, random
from recsim_tf.core.execution import side_by_side
from recsim_tf.core.types import Nest


class Division(NamedTuple):
    """Users in R equal parts, in order: part r of users of b each has the users r b to (r + 1) b -
    1.

    Each part has noise of its own: its seed is number r of the R seeds that `random.split_seed`
    makes of the seed of all. A single part has that seed itself.
    """

    num_replicas: int = 1  # R

    def share(self, num_users: int) -> int:
        """The users of a part.

        Raises:
          ValueError: if the parts cannot be equal.
        """
        if num_users % self.num_replicas:
            raise ValueError(
                f"num_users must be a multiple of num_replicas={self.num_replicas}, got {num_users}"
            )
        return num_users // self.num_replicas

    def seeds(self, seed: tf.Tensor) -> tf.Tensor:
        """The seeds of the parts, int32 [R, 2] or [R, S, 2], of a seed [2] or seeds [S, 2]."""
        if self.num_replicas == 1:
            return seed[tf.newaxis]
        parts = [
            tf.stack(random.split_seed(one, self.num_replicas))
            for one in tf.unstack(tf.reshape(seed, [-1, 2]))
        ]
        return tf.reshape(tf.stack(parts, axis=1), [self.num_replicas, *seed.shape])

    def each(self, function: Callable[[tf.Tensor], Nest]) -> Callable[[tf.Tensor], list[Nest]]:
        """A function of the seed of all, which gives the results of all parts.

        In the scope of a `tf.distribute` strategy of R replicas of this process each simulates a
        part. Without a strategy the parts are simulated `side_by_side`, with the same results.

        Args:
          function: compiled; simulates a part from its seed.

        Raises:
          ValueError: in the scope of a strategy of another number of replicas.
        """
        if replicas.number() == 1:
            if self.num_replicas == 1:
                return lambda seed: [function(seed)]
            all_parts = side_by_side(function)

            def run_here(seed: tf.Tensor) -> list[Nest]:
                found = all_parts(self.seeds(seed))
                return [nests.at_step(found, part) for part in range(self.num_replicas)]

            return run_here
        strategy = tf.distribute.get_strategy()
        if replicas.number() != self.num_replicas:
            raise ValueError(
                f"num_replicas must be {replicas.number()}, the replicas of the strategy, got"
                f" {self.num_replicas}"
            )

        @tf.function(autograph=False)
        def everywhere(seeds: tf.Tensor) -> Nest:
            def on_one():
                replica = tf.distribute.get_replica_context().replica_id_in_sync_group
                return function(tf.gather(seeds, replica))

            return strategy.run(on_one)

        def run(seed: tf.Tensor) -> list[Nest]:
            with strategy.scope():
                found = everywhere(self.seeds(seed))
            local = [strategy.experimental_local_results(leaf) for leaf in tf.nest.flatten(found)]
            return [tf.nest.pack_sequence_as(found, leaves) for leaves in zip(*local, strict=True)]

        return run
