"""The federated example: hospitals and a coordinator as processes of this machine."""
