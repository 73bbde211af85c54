"""The lifetimes of users who come back in words."""

from recsim_tf.core.wording import Wording


class ReturningWording(Wording):
    """The words of the wrapped users, and the visits beside their state.

    Args:
      users: the words of the wrapped users.
    """

    def __init__(self, users: Wording):
        self._users = users

    def query(self, query, documents):
        return self._users.query(query, documents)

    def document(self, document):
        return self._users.document(document)

    def response(self, response, documents, query):
        return self._users.response(response, documents, query)

    def user(self, user):
        return user._replace(user=self._users.user(user.user))
