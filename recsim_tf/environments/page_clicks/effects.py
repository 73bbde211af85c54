"""Effects of categories: entries of tables of parameters, added up."""

import tensorflow as tf


def summed_effects(table, codes: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The sum over G classifications of the effects of their categories.

    Args:
      table: [G, C], or [B, G, C] with one for each user; or a number, the effect of every category.
      codes: int32 [B, ..., G], categories in [0, C).
      dtype: of the result.

    Returns:
      [B, ...].
    """
    table = tf.cast(tf.convert_to_tensor(table, dtype_hint=dtype), dtype)
    if not table.shape.rank:
        return tf.fill(codes.shape[:-1], table * codes.shape[-1])
    num_classifications, num_categories = table.shape[-2:]
    flat = tf.reshape(table, [*table.shape[:-2], num_classifications * num_categories])
    positions = codes + tf.range(num_classifications) * num_categories
    return tf.reduce_sum(
        tf.gather(flat, positions, batch_dims=flat.shape.rank - 1, axis=-1), axis=-1
    )
