"""Medquorum: doctors decide together what enters a patient's record.

The rooms, each importing only those to its left: `ledger` states what is true, `consensus` decides,
`node` does, `ai_entity` suggests (it rests on `ledger` alone), `simulation` rehearses.
"""

__version__ = "0.1.0"
