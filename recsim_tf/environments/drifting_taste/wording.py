"""Sessions of drifting taste in words."""

from recsim_tf.core.wording import Wording


class ItemWording(Wording):
    """Items by their ids, without the factors, which are too many to read."""

    def document(self, document):
        # A candidate may be an id alone.
        return f"item {getattr(document, 'item_id', document)}"
