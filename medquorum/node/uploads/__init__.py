"""Images that a browser brings: received in pieces, looked into, stripped of names, proposed."""
