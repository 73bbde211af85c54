"""What readers must find, in plain Python that goes cell by cell, as documented."""
