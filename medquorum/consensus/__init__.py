"""How it is decided: clinical validation, ordering, and the replica that joins them.

Pure and synchronous: events and `now` go in, ordered effects come out.
"""
