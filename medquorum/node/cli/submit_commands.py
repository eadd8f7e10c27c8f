"""`medquorum submit`: institutions hand files to their node, doctors sign on their own machine."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from medquorum.ledger.errors import KeyMaterialError
from medquorum.ledger.keys import Address, parse_address
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.cli.connection import (
    HERE,
    Connection,
    HomeOption,
    JsonOption,
    NodeOption,
    TokenOption,
    ask,
    asking,
)
from medquorum.node.cli.files import read_limited
from medquorum.node.cli.handing_in import hand_in_files, hand_in_sealed, slip_for
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.proposal_commands import CharterOption, ClinicalOption, hand_at
from medquorum.node.cli.show import print_json
from medquorum.node.client import FileSubmission, NodeClient
from medquorum.node.clinical import Order, SealedOrder, propose_sealed, seal_order
from medquorum.node.desk import Receipt, Registration
from medquorum.node.image_archive import ImagesUnusable, is_picture, pack_images
from medquorum.node.intake.faults import IntakeRefused, IntakeRule
from medquorum.node.intake.gate import ImageGate
from medquorum.node.structured_parts import encode_structured

app = typer.Typer(add_completion=False)

CONTENT_BYTES: Final = 262_144
IMAGES: Final = {
    "ct": (BlockType.CT, PartName.IMG_CT),
    "pet": (BlockType.PET, PartName.IMM_PET),
    "xray": (BlockType.XRAY, PartName.IMG_XRAY),
}
CONTENTS: Final = {
    "form": (BlockType.MEDICAL_FORM, PartName.V_IND),
    "results": (BlockType.TEST_RESULT, PartName.TEST_RES),
    "report": (BlockType.REPORT, PartName.M_REPORT),
    "prescription": (BlockType.PRESCRIPTION, PartName.PRESC),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be proposed, before it is known who signs it."""

    type: BlockType
    patient: int | None
    files: Mapping[PartName, Path] = field(default_factory=dict)
    structured: Mapping[PartName, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    doctor: str | None = None
    references: Sequence[str] = ()
    replaces: str | None = None
    registration: Registration | None = field(default=None, repr=False)

    def for_node(self) -> FileSubmission:
        """As an institution hands it to its node."""
        return FileSubmission(
            type=self.type,
            patient=self.patient,
            doctor=self.doctor,
            files=self.files,
            structured=self.structured,
            references=self.references,
            replaces=self.replaces,
            registration=self.registration,
        )

    def for_doctor(self) -> Order:
        """As a doctor seals and signs it."""
        return Order(
            type=self.type,
            patient=self.patient,
            contents={
                part: encode_structured(part, content) for part, content in self.structured.items()
            },
            files=self.files,
            doctor=None if self.doctor is None else doctor_address(self.doctor),
            references=[_digest(each) for each in self.references],
            replaces=None if self.replaces is None else _digest(self.replaces),
            registration=self.registration,
        )


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise CommandError(Exit.USAGE, "a block is named by the 64 hex digits of its hash")
    return digest


def doctor_address(text: str) -> Address:
    """A doctor's address; CommandError when mistyped."""
    try:
        return parse_address(text)[0]
    except KeyMaterialError as error:
        raise CommandError(Exit.USAGE, str(error)) from None


def read_content(path: Path) -> Mapping[str, Any]:
    """The JSON map of a structured part; CommandError when it is none."""
    try:
        content = json.loads(read_limited(path, CONTENT_BYTES))
    except (ValueError, RecursionError):
        raise CommandError(Exit.USAGE, f"{path} is not JSON; write the map of R-CON") from None
    if not isinstance(content, dict):
        raise CommandError(Exit.USAGE, f"{path} is not a JSON map; see PROTOCOL.md section 13")
    return content


@contextmanager
def image_file(path: Path) -> Iterator[Path]:
    """The file of an image part: a packed folder, or a picture as it is."""
    if path.is_file():
        if not is_picture(path):
            raise ImagesUnusable(f"{path} is neither PNG nor JPEG; name a folder of DICOM files")
        yield path
        return
    if not path.is_dir():
        raise CommandError(Exit.NOT_FOUND, f"there is no {path}; check the path")
    with tempfile.TemporaryDirectory(prefix="medquorum-") as folder:
        archive = Path(folder) / "images.tar"
        pack_images(path, archive)
        yield archive


async def look_into(files: Mapping[PartName, Path], *, node_looks: bool) -> None:
    """The node's own check of images (R-BOD10), before anything is sent.

    Without pydicom on this machine it is left to the node, if the node is one that looks.
    """
    try:
        await ImageGate().check_all(files)
    except IntakeRefused as refused:
        if refused.rule is not IntakeRule.NO_READER or not node_looks:
            raise CommandError(Exit.VERIFICATION, f"{refused.rule}: {refused.advice}") from None


@dataclass(frozen=True, slots=True)
class Signing:
    """What a doctor signs with, and whether to propose anew what was sent before."""

    charter: Path | None
    clinical_file: Path | None
    anew: bool = False


async def propose(
    client: NodeClient, connection: Connection, draft: Draft, signing: Signing
) -> Receipt:
    """Hand a draft to the node; a doctor's node gets it sealed and signed here.

    Handed in again after an answer was lost, it is the same proposal. A registration needs no such
    care: a patient's key is registered once, however often that is proposed.
    """
    status = await client.status()
    node_seals = status.role != "doctor"
    await look_into(draft.files, node_looks=node_seals)
    submission = draft.for_node()

    async def sealed() -> SealedOrder:
        hand = hand_at(connection.home, signing.clinical_file)
        trusted = await connection.charter(client, signing.charter)
        return await seal_order(client, trusted, draft.for_doctor(), hand)

    if draft.registration is not None:
        if node_seals:
            return await client.submit_files(submission)
        return await propose_sealed(client, await sealed())
    slip = await asyncio.to_thread(slip_for, connection.home, status, submission)
    if signing.anew:
        slip.done()
    if node_seals:
        return await hand_in_files(client, slip, submission)
    return await hand_in_sealed(client, slip, sealed)


def print_receipt(receipt: Receipt, *, as_json: bool) -> None:
    """What a submitter keeps."""
    if as_json:
        print_json(receipt)
    else:
        typer.echo(f"proposal {receipt.proposal}")
        typer.echo(f"record   {receipt.record}")
        typer.echo(f"Follow it with: medquorum why {receipt.proposal[:12]}")


FileOption = Annotated[Path | None, typer.Option(help="JSON file of the map of PROTOCOL.md, 13.")]
ImageOption = Annotated[Path | None, typer.Option(help="Folder of one series' DICOM files.")]


@app.command()
def submit(
    patient: Annotated[int, typer.Option(help="N PB.", min=1)],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    ct: ImageOption = None,
    pet: ImageOption = None,
    xray: Annotated[
        Path | None, typer.Option(help="PNG or JPEG file, or a folder of DICOM files.")
    ] = None,
    form: FileOption = None,
    results: FileOption = None,
    report: FileOption = None,
    prescription: FileOption = None,
    attachment: Annotated[Path | None, typer.Option(help="Any file, with any type.")] = None,
    doctor: Annotated[
        str | None, typer.Option(help="Responsible doctor, mqdoc1…; else the attending.")
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(help="Hash of a block it rests on; repeatable.")
    ] = None,
    replaces: Annotated[str | None, typer.Option(help="Hash of the block it corrects.")] = None,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Propose it even if the same was sent and not answered.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose one thing: exactly one of --ct, --pet, --xray, --form, --results, --report,
    --prescription.

    At an institution the node seals and signs. At a doctor's node it is sealed and signed here,
    with the clinical key of --home.

    Until the node has answered, what was sent is kept in the folder outbox of --home (without a
    home, of the user's state folder), so after a lost answer give the same command again: it is
    proposed once.
    """
    images = {"ct": ct, "pet": pet, "xray": xray}
    texts = {"form": form, "results": results, "report": report, "prescription": prescription}
    connection = Connection(node, token_file, home)
    signing = Signing(charter, clinical_passphrase_file, anew)
    with asking(), _draft(images, texts, attachment) as (kind, files, structured):
        draft = Draft(
            type=kind,
            patient=patient,
            files=files,
            structured=structured,
            doctor=doctor,
            references=reference or (),
            replaces=replaces,
        )
        receipt = ask(
            connection,
            lambda client: propose(client, connection, draft, signing),
        )
        print_receipt(receipt, as_json=as_json)


Parts = tuple[BlockType, dict[PartName, Path], dict[PartName, Mapping[str, Any]]]


@contextmanager
def _draft(
    images: Mapping[str, Path | None],
    texts: Mapping[str, Path | None],
    attachment: Path | None,
) -> Iterator[Parts]:
    """The type and its parts, from whichever option was given."""
    given = [name for name, path in {**images, **texts}.items() if path is not None]
    if len(given) != 1:
        wanted = ", ".join(f"--{name}" for name in (*IMAGES, *CONTENTS))
        raise CommandError(Exit.USAGE, f"give exactly one of {wanted}")
    extra = {} if attachment is None else {PartName.ATTACHMENT: attachment}
    name = given[0]
    if (path := images.get(name)) is not None:
        kind, part = IMAGES[name]
        with image_file(path) as file:
            yield kind, {part: file, **extra}, {}
    elif (path := texts.get(name)) is not None:
        kind, part = CONTENTS[name]
        yield kind, extra, {part: read_content(path)}
