# SPDX-License-Identifier: Apache-2.0
"""The exact sum over the classes of users."""

import dataclasses
from typing import ClassVar

from recsim_tf.core.base.arguments import configurable
from recsim_tf.fitting.methods.information import Curvature, Scores, ScoresOrCurvature, Uncertainty
from recsim_tf.fitting.methods.initial import SUMMED_OUT, InitialMethod, over_classes
from recsim_tf.fitting.methods.scores import Lacking, SessionScore
from recsim_tf.logs.missing import Part


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Classes(InitialMethod):
    """The exact sum over the classes of a user, for logs that lack a finite initial draw, such as
    the type of a user. Memory grows with the number of classes.

    Args:
      search, uncertainty, jit_compile: see `Exact`.
    """

    uncertainties: ClassVar[tuple[type[Uncertainty], ...]] = (Scores, Curvature, ScoresOrCurvature)
    treatment = SUMMED_OUT

    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `InitialMethod.without`."""
        return over_classes(part, inner, lacking)
