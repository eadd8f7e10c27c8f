"""Made-up images for demonstrations and tests, deterministic from a seed and named phantoms."""
