"""An X-ray to edge features, a score, a severity and a calibrated opinion."""
