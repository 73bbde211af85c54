# SPDX-License-Identifier: Apache-2.0
"""Page clicks: a position-and-item click model for pages of items from a shared catalogue. The
environment is made to be fitted to logs of Open Bandit.
"""

from recsim_tf.environments.page_clicks.documents import PageItems
from recsim_tf.environments.page_clicks.users import PageClickUsers, page_clicks

__all__ = ["PageClickUsers", "PageItems", "page_clicks"]
