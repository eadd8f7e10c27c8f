"""Tests of the independent verifier; the files it reads are built here, from PROTOCOL.md too."""
