"""Page clicks: a position-and-item click model for pages of items from a shared catalogue. Made to
be fitted to logs of Open Bandit.
"""

from recsim_tf.environments.page_clicks.documents import Item, ObservedItem, PageItems, ShownItem
from recsim_tf.environments.page_clicks.users import PageClickUsers, Response, page_clicks

__all__ = [
    "Item",
    "ObservedItem",
    "PageClickUsers",
    "PageItems",
    "Response",
    "ShownItem",
    "page_clicks",
]
