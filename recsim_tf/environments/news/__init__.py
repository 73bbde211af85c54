"""The news: articles appear and age, and the clicks of all users tell which are good."""

from recsim_tf.environments.news.documents import (
    Arrival,
    Article,
    ArticleView,
    FrontPage,
    InitialDraw,
    Newsroom,
)
from recsim_tf.environments.news.environment import news
from recsim_tf.environments.news.users import Readers, Response

__all__ = [
    "Arrival",
    "Article",
    "ArticleView",
    "FrontPage",
    "InitialDraw",
    "Newsroom",
    "Readers",
    "Response",
    "news",
]
