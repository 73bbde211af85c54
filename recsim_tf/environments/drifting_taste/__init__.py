"""Drifting taste: users who choose from a shared catalogue by a taste that drifts towards their
choices. The environment is made to be fitted to logs.
"""

from recsim_tf.environments.drifting_taste.documents import Catalogue
from recsim_tf.environments.drifting_taste.users import DriftingTasteUsers, drifting_taste

__all__ = ["Catalogue", "DriftingTasteUsers", "drifting_taste"]
