"""The likelihood of logs that lack innovations, by particle filters, as an object for `fit`."""

import dataclasses
from typing import ClassVar

import gin

from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.likelihood.batches import Lacking, SessionLikelihood, SessionScore
from recsim_tf.fitting.likelihood.exact import InitialLikelihood
from recsim_tf.fitting.likelihood.particle_filter import marginal_log_prob


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Particles(SessionLikelihood):
    """An estimate of the likelihood by particle filters, for logs that lack the users' innovations,
    discrete or not, see `marginal_log_prob`. Its noise is new in every minibatch.

    Args:
      num_particles: of each of the two filters of a session.
      initial: how initial draws are summed out that the log lacks too: `Classes()`, `MeanField()`
        or `Draws()`; None where it has them.
      jit_compile: whether to compile with XLA, which makes filters several times faster.

    Raises:
      ValueError: for a number of particles below 1.
    """

    num_particles: int = 20
    initial: InitialLikelihood | None = None

    sums_innovations: ClassVar[bool] = True

    def __post_init__(self):
        check_at_least(1, num_particles=self.num_particles)

    def session_score(self, lacking: Lacking) -> SessionScore:
        def score(simulator, sessions, rows, seeds):
            del rows
            return marginal_log_prob(simulator, sessions, self.num_particles, seeds.innovation)

        filters = SessionScore(score)
        return filters if self.initial is None else self.initial.around(filters, lacking)
