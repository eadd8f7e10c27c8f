"""Training of the networks: the only room that imports torch (extra ``train``)."""
