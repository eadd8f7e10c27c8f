"""Write a folder's digests anew after a model, its card or its levels were replaced on purpose.

    python -m medquorum.ai_entity.registry_digests [FOLDER]

FOLDER has a ``registry.json``; without one the shipped models are meant. A model in use under a
charter needs the doctors' approval for its new card as well (R-AI1).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medquorum.ai_entity.errors import ModelError
from medquorum.ai_entity.registry import MODELS_FOLDER
from medquorum.ai_entity.registry_file import pin_cards as pin_cards


def main(words: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=MODELS_FOLDER)
    try:
        changed = pin_cards(parser.parse_args(words).folder)
    except ModelError as error:
        raise SystemExit(f"nothing written: {error.message}") from error
    for card in changed:
        print(f"registered as it is now: {card}")
    if not changed:
        print("nothing to change")


if __name__ == "__main__":
    main()
