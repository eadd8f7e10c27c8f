"""The node's durable store: one writer with group commit, read-only readers, migrations."""
