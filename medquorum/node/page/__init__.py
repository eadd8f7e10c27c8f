"""The doctor's desk: one page per node, served by the node, speaking to it over /v1 alone."""
