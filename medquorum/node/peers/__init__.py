"""Peers: links by mutual TLS, gossip by digest, bodies in verified chunks (R-NET1 to R-NET4)."""
