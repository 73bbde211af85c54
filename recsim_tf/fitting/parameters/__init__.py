# SPDX-License-Identifier: Apache-2.0
"""Parameters that are fitted: their supports, priors and posteriors."""
