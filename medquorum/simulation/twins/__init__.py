"""Enumerated scenarios on the real ordering machine: twins, crash points, too many liars."""
