"""Episode logs as logged sessions."""

from collections.abc import Iterator

from recsim_tf.adapters.episodes import Episodes
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.session_stream import SessionStream
from recsim_tf.fitting.logs.trajectories import from_trajectory
from recsim_tf.fitting.validation import check_at_least


def from_episodes(episodes: Episodes) -> SessionLog:
    """The log of the sessions of an episode file, in the order of the file. It equals the log of
    the rollout that was written.

    Args:
      episodes: as `recsim_tf.adapters.episodes.read` opens it.

    Returns:
      S = `episodes.num_sessions` sessions with everything that the simulator's models drew; T is
      the longest one's length.

    Raises:
      ValueError: if there are no sessions.
    """
    return from_trajectory(episodes.trajectory(), episodes.shared)


def stream_episodes(episodes: Episodes, sessions_at_once: int = 1000) -> SessionStream:
    """The same log in pieces, which are read from the file in each pass, so that memory does not
    grow with the file.

    Args:
      episodes: as `recsim_tf.adapters.episodes.read` opens it.
      sessions_at_once: sessions of a piece. Minibatches are drawn at random within a piece, so the
        order of the sessions in the file should be random.

    Raises:
      ValueError: if there are no sessions, or `sessions_at_once` is below 1.
    """
    check_at_least(1, sessions_at_once=sessions_at_once)

    def pieces() -> Iterator[SessionLog]:
        return (
            from_trajectory(trajectory, episodes.shared)
            for trajectory in episodes.trajectories(sessions_at_once)
        )

    return SessionStream(pieces)
