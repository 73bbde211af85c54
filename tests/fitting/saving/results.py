# SPDX-License-Identifier: Apache-2.0
"""Results of fits that were not made, for the tests of saving."""

import numpy as np

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Exact
from recsim_tf.fitting.estimates import ParameterEstimate
from recsim_tf.fitting.fit import FitResult


def result_of(simulator: Simulator, values: dict, **changes) -> FitResult:
    """A result with these estimates of parameters."""
    named = {name: np.asarray(value) for name, value in values.items()}
    result = FitResult(
        simulator=simulator.with_parameters(values),
        estimates={
            name: ParameterEstimate(value, np.full_like(value, np.nan), value - 1, value + 1)
            for name, value in named.items()
        },
        log_likelihood=-1.5,
        held_out_log_likelihood=None,
        history=[],
        converged=True,
        stopped_early=False,
        diverged=False,
        not_identified={},
        at_edge={},
        covariance=np.full(len(named), np.nan),
        parameters={},
        confidence=0.95,
        method=Exact(search=LBFGS()),
    )
    return result._replace(**changes)
