"""Composition roots: programs that put the rooms together and nothing that others import."""
