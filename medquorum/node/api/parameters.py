"""What an address and its query may hold, apart from the server: clients read these forms too.

The command line starts in half the time when it need not import web server, log and database.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base of what an address and its query may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoParameters(Parameters):
    """Neither path nor query."""
