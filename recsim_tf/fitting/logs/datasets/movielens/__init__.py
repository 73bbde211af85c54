"""MovieLens: ratings, and the features of movies."""
