"""What the names in a hospital's files mean: which channel is which image, which label is lesion.

Names are matched by whole words (``fdg_pet`` has the words fdg and pet), from short closed lists.
What is not on them is asked from the person who adopts the model, never guessed.
"""

import re
from typing import Final

from medquorum.ai_entity.adapters.plan import Source
from medquorum.ai_entity.errors import ModelError, Reason

CT_WORDS: Final = frozenset({"ct", "ctres", "hu", "hounsfield", "cect", "ldct"})
PET_WORDS: Final = frozenset({"pet", "pt", "suv", "suvbw", "fdg"})
LESION_WORDS: Final = frozenset(
    {
        *("tumor", "tumour", "tumors", "tumours", "lesion", "lesions", "cancer", "carcinoma"),
        *("metastasis", "metastases", "sarcoma", "lymphoma", "gtv", "gtvp", "gtvn", "neoplasm"),
    }
)
"""Primary and nodes alike: the levels are the entity's own matter."""

BACKGROUND: Final = frozenset({"background", "bg"})


def words_of(name: str) -> frozenset[str]:
    """The lower-case words of a name."""
    return frozenset(re.findall(r"[a-z]+", name.lower()))


def source_of(name: str, fallback: str = "") -> Source:
    """Which image a channel name means; ``fallback`` is asked when the name says nothing.

    Raises ModelError.
    """
    for asked in (name, fallback):
        found = words_of(asked)
        if found & CT_WORDS and not found & PET_WORDS:
            return Source.CT
        if found & PET_WORDS and not found & CT_WORDS:
            return Source.PET
    raise ModelError(
        Reason.UNSUPPORTED_MODEL,
        f"channel {shown(name)} is neither CT nor PET by its name; rename it in the metadata",
    )


def lesion_channels(classes: tuple[str, ...], asked: tuple[str, ...]) -> tuple[int, ...]:
    """Output channels that are lesion: those ``asked`` for by name, else by the word list.

    Raises ModelError.
    """
    for name in asked:
        if name not in classes:
            raise ModelError(
                Reason.UNSUPPORTED_MODEL,
                f"the model has no label {shown(name)}; it has {listed(classes)}",
            )
    found = tuple(
        index
        for index, name in enumerate(classes)
        if (name in asked if asked else words_of(name) & LESION_WORDS)
    )
    if not found:
        raise ModelError(
            Reason.UNSUPPORTED_MODEL,
            f"no label is a lesion by its name ({listed(classes)}); say which with --lesion",
        )
    return found


def listed(names: tuple[str, ...]) -> str:
    """Some names for a sentence."""
    return ", ".join(shown(name) for name in names[:12]) + (" ..." if len(names) > 12 else "")


def shown(name: object) -> str:
    """A name from a foreign file for the screen: short and printable."""
    text = str(name)[:60]
    return '"' + "".join(letter if letter.isprintable() else "?" for letter in text) + '"'
