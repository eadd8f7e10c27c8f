"""Errors of the store.

StoreError
├── StoreFailure   durable storage failed: the node stops, nothing is retried
├── StoreBusy      a bounded queue is full: the caller slows down or drops its request
├── StoreWeak      the database would not keep what it acknowledges: refused at start
├── StoreTooNew    the database was written by a newer program: refused at start
└── StoreInUse     another process has this node's folder open: refused at start
"""


class StoreError(Exception):
    """Root of the store's errors."""


class StoreFailure(StoreError):
    """A transaction could not be made durable (disk full, I/O error, lost server)."""


class StoreBusy(StoreError):
    """More work is waiting than the store's queue holds."""


class StoreWeak(StoreError):
    """A setting of the database is weaker than what an acknowledgement promises."""


class StoreTooNew(StoreError):
    """The schema revision is unknown to this program."""


class StoreInUse(StoreError):
    """The folder's lock is held by another process."""
