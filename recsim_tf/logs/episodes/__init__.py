# SPDX-License-Identifier: Apache-2.0
"""Episode logs: TFRecord files of sessions. Each session is a `tf.train.SequenceExample`. Reading a
file restores the trajectory bit for bit.

The names of features are the paths of `Session`'s leaves, joined by "/". FIELD stands for the path
within a model's own nest; if the nest is a single tensor, FIELD and the slash are left out. A
feature holds a tensor without its axes of time and users, flattened in C order.

Context features, one entry for each session:

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
| user/FIELD | any | the agents' observation of the user, before the slate |
| documents/FIELD | [N, ...] | the agents' observation of the candidates, before the slate |
| slate | [K], int32 | positions among the candidates, -1 where a short slate is padded |
| query/FIELD | any | the system's query beside the slate, if it can ask |
| draws/hidden/FIELD | [K, ...] | draws of hidden attributes of the documents shown, if any |
| draws/response/FIELD | any | draws of the response |
| draws/innovation/FIELD | any | draws of the user's change, if any |
| draws/departure | [] | draw of the departure, absent where leaving is a rule |
| draws/candidates/FIELD | [N, ...] | draws of the next candidates, absent where they persist |
| response/FIELD | [K, ...] | the response, including the parts that agents do not observe |
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
