"""What runs the trials of a sweep: processes on this machine, or Ray Tune."""
