"""One institution's running node: peers, storage, keys, interfaces (the effects of the ledger)."""
