# SPDX-License-Identifier: Apache-2.0
"""Many steps: rollouts, their execution, and replays of recorded sessions."""
