"""Users around other users."""

from collections.abc import Collection

from recsim_tf.core.models import UserModel


class WrappedUsers(UserModel):
    """Users who respond as other users do. Their state is a record that has the state of these in
    its field `user`.

    Args:
      users: the wrapped users.

    Raises:
      ValueError: if they are no user model.
    """

    users: UserModel

    def check(self):
        if not isinstance(self.users, UserModel):
            raise ValueError(f"users must be a UserModel, got {type(self.users).__name__}")

    def response(self, state, slate):
        return self.users.response(state.user, slate)

    def outcome(self, state, slate, draw):
        return self.users.outcome(state.user, slate, draw)

    def observe_response(self, response):
        return self.users.observe_response(response)

    def response_bounds(self):
        return self.users.response_bounds()

    def recorded_draw(self, slate, seen):
        return self.users.recorded_draw(slate, seen)

    def evidence(self, seen):
        return self.users.evidence(seen)

    def prepared(self, draw, fitted: Collection[str]):
        inner = [name.removeprefix("users.") for name in fitted if name.startswith("users.")]
        return self.users.prepared(draw, inner)

    def likelihood(self, state, slate, seen):
        return self.users.likelihood(state.user, slate, seen)

    def turn_conditions(self, turn):
        return self.users.turn_conditions(turn)

    def check_documents(self, documents, slate_size):
        self.users.check_documents(documents, slate_size)
