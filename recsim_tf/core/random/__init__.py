# SPDX-License-Identifier: Apache-2.0
"""All random numbers of the simulator: stateless uniforms, mapped through inverse CDFs.

Every draw of the simulator is `sample(distribution, seed)`: a block of uniforms from an explicit
algorithm, mapped through the quantile function of the distribution. Graph mode and XLA therefore
agree when they are given the same uniforms, and no draw depends on the sampler that TensorFlow
Probability happens to use.

Seeds are int32 tensors of shape [2]. A seed is used once: `split_seed` makes as many new ones as
are needed. `Noise` may replace a seed; draws then take its numbers in turn. In the context
`paired`, seeds may be int32 [S, 2].
"""

from recsim_tf.core.random.generator import algorithm, context
from recsim_tf.core.random.noise import Noise
from recsim_tf.core.random.paired import paired
from recsim_tf.core.random.quantiles import (
    categorical_from_uniform,
    category_and_rest,
    class_of_family,
    sample,
)
from recsim_tf.core.random.seeds import Seed, as_seed, derived_seeds, split_seed
from recsim_tf.core.random.uniforms import (
    draw_noise,
    gumbel,
    meter,
    noise,
    normal,
    uniform,
    uniform_integers,
)

__all__ = [
    "Noise",
    "Seed",
    "algorithm",
    "as_seed",
    "categorical_from_uniform",
    "category_and_rest",
    "class_of_family",
    "context",
    "derived_seeds",
    "draw_noise",
    "gumbel",
    "meter",
    "noise",
    "normal",
    "paired",
    "sample",
    "split_seed",
    "uniform",
    "uniform_integers",
]
