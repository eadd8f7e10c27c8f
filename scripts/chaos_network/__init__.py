"""Chaos: real nodes suffer kill -9, pauses, cuts and delays while doctors go on deciding."""
