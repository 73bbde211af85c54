"""Episode logs as logged sessions."""

from recsim_tf.adapters.episodes import Episodes
from recsim_tf.fitting.session_log import SessionLog, from_trajectory


def from_episodes(episodes: Episodes) -> SessionLog:
    """The log of the sessions of an episode file, in the order of the file: the same that the rollout itself gives.

    Args:
      episodes: as `recsim_tf.adapters.episodes.read` opens it.

    Returns:
      S = `episodes.num_sessions` sessions with everything that the simulator's models drew; T is the longest one's length.

    Raises:
      ValueError: if there are no sessions.
    """
    return from_trajectory(episodes.trajectory())
