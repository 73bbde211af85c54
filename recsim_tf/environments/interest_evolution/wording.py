"""Sessions of interest evolution in words."""

import numpy as np

from recsim_tf.core.wording import Wording


class VideoWording(Wording):
    """Videos by topic, length and quality, and how long they are watched."""

    def document(self, document):
        fields = {"topic": "cluster_id", "length": "length", "quality": "quality"}
        # A candidate has no quality yet.
        known = {name: field for name, field in fields.items() if hasattr(document, field)}
        return ", ".join(f"{name} {getattr(document, at):.3g}" for name, at in known.items())

    def response(self, response, documents, query):
        watched = [
            f"{position + 1} for {response.watch_time[position]:.3g}"
            for position in np.flatnonzero(response.clicked)
        ]
        return f"watches {' and '.join(watched)}" if watched else None
