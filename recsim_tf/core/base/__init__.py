# SPDX-License-Identifier: Apache-2.0
"""Records, parameters and checks of arguments."""
