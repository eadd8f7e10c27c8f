"""Ordering: certified verdicts become one sequence of final batches (section 11, Simplex).

`simplex.Ordering` is the one door in; `application.Application` is what it asks of the ledger.
"""
