"""Episode logs: TFRecord files of sessions, each a `tf.train.SequenceExample`, from which a
trajectory comes back bit for bit.

The names of features are the paths of `Session`'s leaves, joined by "/". FIELD stands for the path
within a model's own nest; where the nest is one tensor, it is left out with the slash. A feature
holds a tensor without its axes of time and users, flattened in C order.

Context features, once a session:

| name | shape | meaning |
|---|---|---|
| initial/user/FIELD | any | the user's initial draws |
| initial/corpus/FIELD | any | the corpus's initial draws, where it has any |
| initial/candidates/FIELD | [N, ...] | the candidates of the first step, as drawn |
| initial/hidden/FIELD | [N, ...] | hidden attributes of persistent candidates, else absent |
| is_last | [], int64 | 1 in the last session of a whole file, else 0 |

Feature lists, one entry for each step in which the user was active:

| name | shape | meaning |
|---|---|---|
| user/FIELD | any | what agents see of the user, before the slate |
| documents/FIELD | [N, ...] | what agents see of the candidates, before the slate |
| slate | [K], int32 | positions among the candidates, -1 where a short slate is padded |
| query/FIELD | any | what the system says or asks beside the slate, if it can |
| draws/hidden/FIELD | [K, ...] | draws of hidden attributes of the documents shown, if any |
| draws/response/FIELD | any | draws of the response |
| draws/innovation/FIELD | any | draws of the user's change, if any |
| draws/departure | [] | draw of the departure, absent where leaving is a rule |
| draws/candidates/FIELD | [N, ...] | draws of the next candidates, absent where they persist |
| response/FIELD | [K, ...] | the response, also what agents do not see of it |
| reward | [] | the step's reward |
| log_prob | [K] | log-probability of the slate up to each position, absent if not known |
| is_terminal | [], bool | the user left at this step |
| is_truncated | [], bool | the time limit ended the session at this step |

A session that was still going on when the rollout ended has neither flag. Dtypes are those of the
simulator: float32 and shorter floats are stored as `float_list`, float64 as one value of
`bytes_list` (little-endian), integers and booleans as `int64_list`.
"""

from recsim_tf.logs.episodes.reading import Episodes, ReadError, read
from recsim_tf.logs.episodes.session import Session, session_spec
from recsim_tf.logs.episodes.writing import Writer, refuse_existing, write

__all__ = [
    "Episodes",
    "ReadError",
    "Session",
    "Writer",
    "read",
    "refuse_existing",
    "session_spec",
    "write",
]
