"""Small-scope exhaustive exploration of the ordering rules R-SIM6 to R-SIM8."""
