"""Effects of categories: entries of tables of parameters, added up."""

import tensorflow as tf

from recsim_tf.core import nests


def summed_effects(table, codes: tf.Tensor, num_categories: int, dtype: tf.DType) -> tf.Tensor:
    """The sum over G classifications of the effects of their categories.

    Args:
      table: [G, C'], C' >= C, or [B, G, C'] with one for each user; or a number, the effect of
        every category, or [B, 1, 1] with a number for each user.
      codes: int32 [B, ..., G], categories in [0, C).
      num_categories: C.
      dtype: of the result.

    Returns:
      [B, ...].
    """
    table = tf.cast(tf.convert_to_tensor(table, dtype_hint=dtype), dtype)
    num_classifications = codes.shape[-1]
    if not table.shape.rank:
        return tf.fill(codes.shape[:-1], table * num_classifications)
    width = max(table.shape[-1], num_categories)
    shape = [*table.shape[:-2], num_classifications, width]
    if table.shape != shape:
        table = tf.broadcast_to(table, shape)
    flat = tf.reshape(table, [*table.shape[:-2], num_classifications * width])
    positions = codes + tf.range(num_classifications) * width
    return tf.reduce_sum(nests.lookup(flat, positions, rank=1), axis=-1)
