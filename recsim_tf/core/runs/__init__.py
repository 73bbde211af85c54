"""Many steps: rollouts, their execution, and recorded sessions again."""
