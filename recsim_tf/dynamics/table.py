"""Rows of a table, such as the segments of users."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, validation
from recsim_tf.core.parameters import parameter
from recsim_tf.core.ranges import known_numbers
from recsim_tf.dynamics.component import Component


class FromTable(Component):
    """A row of a table, which is picked at the start and kept. State: [B, F].

    The draw is the position of the row, int32 [B], so a fit to a log without it sums over all rows
    exactly. `FromTable(np.eye(n))` is one of n classes, one-hot.

    Args:
      table: [n, F].
      logits: [n], of the probability of each row; a number for equally likely rows. -inf for never.
      clusters: None; or ints [n], the cluster in [0, C) of each row. Then `logits` [C] are of
        clusters, and the rows of a cluster are equally likely.

    Raises:
      ValueError: if a shape is wrong, or a cluster has no row.
    """

    table: Any = parameter(rank=2)
    logits: Any = parameter(0.0, rank=1, low=-np.inf)
    clusters: Sequence[int] | None = None

    def check(self):
        num_features = validation.table_length("table", self.table)
        shape = validation.table_shape("table", self.table)
        if shape.rank < 2:
            raise ValueError(f"table must have shape [n, F], got {shape}")
        self.num_rows_of_table = shape[-2]
        validation.check_table("table", self.table, n=shape[-2], num_features=num_features)
        count = self.num_rows_of_table
        if self.clusters is not None:
            count = _num_clusters(self.clusters, self.num_rows_of_table)
        validation.check_table("logits", self.logits, or_number=True, num_logits=count)

    def initial_draws(self, num_rows):
        logits = self.per_user("logits", 2)
        if self.clusters is not None:
            logits = clustered_logits(self.clusters, logits)
        shape = [*logits.shape[:-1], self.num_rows_of_table]
        categories = tfd.Categorical(logits=tf.broadcast_to(logits, shape))
        return tfd.BatchBroadcast(categories, [num_rows])

    def initial_state(self, draws, num_rows):
        return nests.lookup(self.per_user("table", 3), draws, 2)


def clustered_logits(clusters: Sequence[int], cluster_logits) -> tf.Tensor:
    """Logits of rows [..., n] from those of their clusters: a cluster is picked, then one of its
    rows, each equally likely.

    Args:
      clusters: ints [n], the cluster in [0, C) of each row.
      cluster_logits: [..., C], or a number for equally likely clusters.

    Raises:
      ValueError: if a cluster has no row, or there is another number of logits.
    """
    logits = tf.convert_to_tensor(cluster_logits)
    num_clusters = _num_clusters(clusters, len(clusters))
    if not logits.shape.rank or logits.shape[-1] == 1:
        logits = tf.broadcast_to(logits, [*logits.shape[:-1], num_clusters])
    if logits.shape[-1] != num_clusters:
        raise ValueError(
            f"cluster_logits must have the {num_clusters} clusters of rows, got {logits.shape}"
        )
    rows = np.asarray(clusters)
    sizes = np.bincount(rows)
    return tf.gather(logits, rows, axis=-1) - tf.constant(np.log(sizes[rows]), logits.dtype)


def _num_clusters(clusters: Sequence[int], num_rows: int) -> int:
    rows = known_numbers("clusters", clusters)
    if rows is None or rows.shape != (num_rows,) or rows.dtype.kind not in "iu" or rows.min() < 0:
        raise ValueError(f"clusters must be {num_rows} integers, at least 0, one for each row")
    empty = np.flatnonzero(np.bincount(rows) == 0)
    if len(empty):
        raise ValueError(
            f"clusters must have a row in each of 0 to {rows.max()}, got none in {empty[0]}"
        )
    return int(rows.max()) + 1
