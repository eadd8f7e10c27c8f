"""The node's HTTP API under /v1: a thin translation of the `Desk`, and its own reference page."""
