"""`medquorum ai dataset|train|card`: verified ledgers to a training set, to a candidate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
LedgerOption = Annotated[
    list[Path] | None,
    typer.Option("--ledger", help="An export of a chain; repeatable. None: asked of the nodes."),
]
CharterOption = Annotated[
    list[Path],
    typer.Option("--charter", help="The signed founding charter of each network; repeatable."),
]
NodeOption = Annotated[
    list[str],
    typer.Option("--node", help="URL of the AI entity's node in each network; repeatable."),
]
TokenOption = Annotated[
    list[Path],
    typer.Option("--token-file", help="File with a token of each node, in the nodes' order."),
]


class Exit(IntEnum):
    """The numbers that `medquorum`'s other commands end with, too."""

    FAILED = 1
    USAGE = 2
    NOT_READY = 3
    NOT_FOUND = 4
    VERIFICATION = 5


def dataset(
    charter: CharterOption,
    node: NodeOption,
    token_file: TokenOption,
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    *,
    ledger: LedgerOption = None,
    hold_out_percent: Annotated[
        int, typer.Option(help="Share of patients that are never trained on.", min=0, max=100)
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Make a training set of what the doctors approved or corrected, from verified ledgers.

    A rejected report teaches nothing unless a doctor wrote another; a doctor's report wins over
    the machine's. No patient is both trained on and held out.
    """
    if out.exists():
        end(Exit.USAGE, f"{out} exists already; name a new folder")
    from medquorum.ai_entity.learning.dataset import label_counts, make_training_set
    from medquorum.ai_entity.learning.sources import Asked, gather_sources

    async def make() -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            asked = Asked(ledger or (), charter, node, token_file)
            sources = await gather_sources(asked, stack)
            digest, made = await make_training_set(sources, out, hold_out_percent)
        return {
            "digest": digest.hex(),
            "samples": dict(label_counts(made.samples)),
            "excluded": dict(sorted(made.excluded.items())),
            "networks": len(sources),
            "blocks": sum(len(one.ledger.entries) for one in sources),
        }

    with one_sentence():
        told = asyncio.run(make())
        if as_json:
            typer.echo(json.dumps(told, indent=1))
            return
        typer.echo(f"{told['networks']} ledger(s) verified, {told['blocks']} blocks")
        for name, count in told["samples"].items():
            typer.echo(f"{count:>6}  {name}")
        for name, count in told["excluded"].items():
            typer.echo(f"{count:>6}  left out: {name.replace('_', ' ')}")
        typer.echo(f"training set {told['digest']} in {out}")


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what may go wrong into one sentence on stderr and an exit code."""
    from medquorum.ai_entity.errors import AnalysisError
    from medquorum.ai_entity.learning.promotion import PromotionRefused
    from medquorum.ai_entity.learning.training_run import TrainingRefused
    from medquorum.ai_entity.learning.training_set import TrainingSetError
    from medquorum.ai_entity.learning.verified_ledger import LedgerRefused
    from medquorum.ai_entity.node_api import NodeAway, NodeRefused

    try:
        yield
    except LedgerRefused as error:
        end(Exit.VERIFICATION, str(error))
    except (TrainingSetError, TrainingRefused, PromotionRefused, AnalysisError) as error:
        end(Exit.FAILED, str(error))
    except NodeRefused as error:
        end(Exit.FAILED, f"the node refused: {error}")
    except NodeAway as error:
        end(Exit.NOT_READY, f"the node does not answer ({error}); start it and try again")


def end(code: Exit, advice: str) -> NoReturn:
    """Leave with one sentence."""
    typer.echo(f"error: {advice}", err=True)
    raise typer.Exit(int(code))


KindOption = Annotated[str, typer.Option("--kind", help="fracture, petct or ct.")]
ModelsOption = Annotated[
    Path | None,
    typer.Option("--models", help="The member's folder of models; else those shipped."),
]


def train(
    dataset_folder: Annotated[Path, typer.Option("--dataset", help="A training set.")],
    kind: KindOption,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the candidate.")],
    *,
    models: ModelsOption = None,
    steps: Annotated[int, typer.Option(help="Of a tumour network's fine-tuning.", min=1)] = 200,
    prior_films: Annotated[
        float | None,
        typer.Option(
            help="Weight of the fracture model in use, in films; else chosen by left-out films.",
            min=0.001,
        ),
    ] = None,
    hold_out: Annotated[
        int | None, typer.Option(help="Phantoms of the gate; else a fixed number.", min=0)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Continue the model in use on a training set, and hold the candidate against its gate.

    A fracture model's head is refitted in seconds; a tumour network is fine-tuned with torch. The
    candidate is kept whether it passed or not; only one that passed can be promoted.
    """
    if out.exists():
        end(Exit.USAGE, f"{out} exists already; name a new folder")
    from medquorum.ai_entity.learning.lessons import StudyKind
    from medquorum.ai_entity.learning.training_run import Recipe, train_candidate
    from medquorum.ai_entity.learning.training_set import read_training_set
    from medquorum.ai_entity.registry import MODELS_FOLDER
    from medquorum.ai_entity.telling import tell

    if kind not in set(StudyKind):
        end(Exit.USAGE, f"{kind} is no kind of model; choose fracture, petct or ct")
    with one_sentence():
        source = read_training_set(dataset_folder)
        recipe = Recipe(steps, prior_films, hold_out)
        folder = models or MODELS_FOLDER
        trained = train_candidate(source, StudyKind(kind), folder, out, recipe, tell=tell)
        show_card_of(trained.card, as_json)


def card(
    folder: Annotated[Path, typer.Argument(metavar="CANDIDATE", help="Folder of `ai train`.")],
    as_json: JsonOption = False,
) -> None:
    """Show a candidate's card: trained on, judged on, its gate, its limits."""
    from medquorum.ai_entity.learning.member_models import CARD_FILE

    try:
        content = json.loads((folder / CARD_FILE).read_bytes())
    except OSError:
        end(Exit.NOT_FOUND, f"no {CARD_FILE} in {folder}; name the folder of a candidate")
    except ValueError:
        end(Exit.FAILED, f"{folder / CARD_FILE} is malformed; train the model again")
    show_card_of(content, as_json)


def show_card_of(content: dict[str, Any], as_json: bool) -> None:
    """A card as JSON or in words."""
    from medquorum.ai_entity.learning.candidate import card_text

    typer.echo(json.dumps(content, indent=1) if as_json else card_text(content))
