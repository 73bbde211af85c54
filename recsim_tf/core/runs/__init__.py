"""Many steps: rollouts, their execution, and replays of recorded sessions."""
