"""Models and readers of one data set each, which the package leaves to you."""
