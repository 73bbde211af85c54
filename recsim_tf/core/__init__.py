# SPDX-License-Identifier: Apache-2.0
"""The simulator's core: records, models, the simulator, random numbers. It knows only
TensorFlow, TensorFlow Probability and gin.
"""

from recsim_tf.core.base.gin_errors import keep_messages

keep_messages()
