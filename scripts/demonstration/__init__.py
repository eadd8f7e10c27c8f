"""The demonstration: two consultations through a real network of eight processes."""
