"""What is true: types, canonical bytes, hashes, signatures, envelopes, charter and chain rules.

Everything in this room is pure and synchronous; randomness and private keys are handed in.
"""
