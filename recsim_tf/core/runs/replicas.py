# SPDX-License-Identifier: Apache-2.0
"""Replicas of a `tf.distribute` strategy: variables of each replica, and sums over all.

All replicas run the same program, each with its share of the users. The state of these users is in
variables of the replica. A number about all users is summed over the replicas. With one replica, or
without a strategy, such variables are ordinary variables and such sums change nothing.
"""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed


def number() -> int:
    """The number of replicas of the strategy in scope."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def require_one(name: str) -> None:
    """Refuses several replicas, for agents that do not learn by gradients, since only gradients can
    be summed.

    Raises:
      ValueError: in the scope of a strategy with several replicas.
    """
    if number() > 1:
        raise ValueError(f"{name} learns on one replica only, got a strategy of {number()}")


def of_this_machine(number: int) -> tf.distribute.Strategy:
    """A strategy of the first GPUs of this machine, or of its logical CPUs where it has no GPU. It
    is the default strategy of a single device where the machine has fewer devices than `number`.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if number == 1 or len(devices) < number:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices[:number]])


def share(name: str, total: int) -> int:
    """The part of a total that each replica takes.

    Raises:
      ValueError: if the replicas do not divide it.
    """
    if total % number():
        raise ValueError(
            f"{name} must be a multiple of the number of replicas, {number()}, got {total}"
        )
    return total // number()


def variable(value: Any, name: str | None = None) -> tf.Variable:
    """A variable that is not trainable, with a separate value in each replica. The first value is
    the same in all replicas.

    The variable holds int32 as int64, and `read` gives int32 back: TensorFlow keeps variables of
    int32 in the host's memory, where programs that XLA compiles for a GPU cannot read them.
    """
    return tf.Variable(
        _as_held(tf.convert_to_tensor(value)),
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def _as_held(value: tf.Tensor) -> tf.Tensor:
    """The value in the dtype in which a `variable` holds it."""
    return tf.cast(value, tf.int64) if value.dtype == tf.int32 else value


def read(variables: Nest, like: Nest) -> Nest:
    """The values of a nest of variables, in the dtypes of a nest of tensors or specs."""
    return tf.nest.map_structure(
        lambda held, leaf: tf.cast(tf.convert_to_tensor(held), leaf.dtype), variables, like
    )


def assign(variables: Nest, values: Nest) -> None:
    """Assigns the tensors of a nest to the variables of a nest."""
    tf.nest.map_structure(lambda held, value: held.assign(_as_held(value)), variables, values)


def seed_variable(seed: Seed, name: str | None = None) -> tf.Variable:
    """A variable that holds a seed, which differs between replicas."""
    held = variable(random.as_seed(seed), name)
    on_each(lambda: fold_in_replica(held))
    return held


def new_seeds(seed: tf.Variable, number: int) -> list[tf.Tensor]:
    """Derives seeds, int32 [2], from the seed that a variable holds, and replaces it."""
    next_seed, *seeds = random.split_seed(tf.cast(seed, tf.int32), 1 + number)
    assign(seed, next_seed)
    return seeds


def fold_in_replica(seed: tf.Variable) -> None:
    """Derives the seed of a replica, by its number among all replicas of all workers, from the seed
    that all of them hold.
    """
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    assign(seed, random.derived_seeds(tf.cast(seed, tf.int32), number())[replica])


def on_each(function: Callable[[], None]) -> None:
    """Calls a function on each replica if there are several, and not at all with one."""
    if number() > 1:
        tf.function(
            lambda: tf.distribute.get_strategy().run(function), autograph=False
        ).get_concrete_function()()


def total(values: Nest) -> Nest:
    """Sums of a nest of tensors over the replicas. Each replica must call it."""
    if number() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def gather(value: tf.Tensor) -> tf.Tensor:
    """The concatenated tensors [n, ...] of all replicas. Each replica must call it."""
    return value if number() == 1 else tf.distribute.get_replica_context().all_gather(value, axis=0)


def gather_total(values: Nest) -> Nest:
    """The sum over replicas of a result of `strategy.run`."""
    if number() == 1:
        return values
    strategy = tf.distribute.get_strategy()
    return tf.nest.map_structure(
        lambda value: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None), values
    )


def of_this_process(variables: Iterable[tf.Variable]) -> list[tf.Variable]:
    """The ordinary variables behind variables from `variable`, for the replicas that this process
    runs. Other variables are left out.
    """
    strategy = tf.distribute.get_strategy()
    replicated = [
        each for each in variables if each.synchronization == tf.VariableSynchronization.ON_READ
    ]
    return [single for each in replicated for single in strategy.experimental_local_results(each)]
