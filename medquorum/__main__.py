"""`python -m medquorum`: the same as the command `medquorum`."""

from __future__ import annotations

from medquorum.node.cli import main

if __name__ == "__main__":
    main()
