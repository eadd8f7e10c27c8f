"""Deliberate bugs, and the proof that the default suite finds every one of them."""
