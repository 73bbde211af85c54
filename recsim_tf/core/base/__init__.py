"""Records, parameters and checks of arguments."""
