"""Parameters that are fitted: their supports, priors and posteriors."""
