"""Point estimates: maximum likelihood and maximum a posteriori, with standard errors."""
