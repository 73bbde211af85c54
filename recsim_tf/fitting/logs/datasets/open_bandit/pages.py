"""Impressions of Open Bandit as pages, for the environment "PageClicks-v0"."""

import numpy as np

from recsim_tf.fitting.logs.datasets.open_bandit.impressions import OpenBanditLog
from recsim_tf.fitting.logs.session_log import SessionLog

_NUM_POSITIONS = 3


def page_log(impressions: OpenBanditLog, max_affinity: int = 2) -> SessionLog:
    """Each impression as a session of one page, on which one item is shown at its position and the
    two others are empty.

    Args:
      impressions: S impressions, as `read_open_bandit` reads them.
      max_affinity: affinities are whole numbers in [0, max_affinity]; larger ones count as it.

    Returns:
      A log with `initial` the codes of the users' features, int32 [S, 4]; `documents` item ids
      int32 [S, 1, 3], 0 where nothing is shown; `hidden` affinities int32 [S, 1, 3]; `response`
      int32 [S, 1, 3], 1 for a click; `propensity` as it was.
    """

    def at_position(values):
        """int32 [S, 1, 3]: values [S] at the positions shown, zeros elsewhere."""
        return np.where(shown, values[:, np.newaxis, np.newaxis], 0).astype(np.int32)

    shown = (impressions.position[:, np.newaxis] == np.arange(_NUM_POSITIONS))[:, np.newaxis]
    return impressions.log._replace(
        initial=impressions.user_features,
        documents=at_position(impressions.item),
        shown=shown,
        hidden=at_position(np.minimum(np.rint(impressions.affinity), max_affinity)),
        response=at_position(impressions.clicked),
    )
