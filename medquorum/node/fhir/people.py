"""Who and what a record speaks of: the patient by pseudonym, members by name, models by digest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from medquorum.node.fhir.contents import model_key
from medquorum.node.fhir.forms import (
    BLOCK_SYSTEM,
    MEMBER_SYSTEM,
    PATIENT_SYSTEM,
    TERMINOLOGY,
    Names,
    Resource,
    coded,
    identifier,
    instant,
)
from medquorum.node.views import BlockView, PatientView, VoteView

_PARTICIPANT: Final = f"{TERMINOLOGY}provenance-participant-type"


def patient_entry(names: Names, patient: PatientView) -> Resource:
    """The patient: number and key's address, no name."""
    fields = {
        "identifier": [identifier(PATIENT_SYSTEM, patient.address)],
        "active": True,
        "generalPractitioner": [names.reference("Practitioner", patient.attending)],
    }
    return names.entry("Patient", patient.n_pb, fields)


def practitioner_entry(names: Names, address: str, name: str) -> Resource:
    """A doctor of the charter."""
    fields = {"identifier": [identifier(MEMBER_SYSTEM, address)], "name": [{"text": name}]}
    return names.entry("Practitioner", address, fields)


def _author_kind(block: BlockView) -> str:
    return "Practitioner" if block.issuer_role == "doctor" else "Organization"


def people_entries(
    names: Names, patient: PatientView, blocks: Iterable[BlockView]
) -> list[Resource]:
    """Everybody whom the blocks name, each once."""
    found: dict[str, Resource] = {}

    def add(entry: Resource) -> None:
        found.setdefault(entry["fullUrl"], entry)

    add(practitioner_entry(names, patient.attending, patient.attending_name))
    for block in blocks:
        add(practitioner_entry(names, block.doctor, block.doctor_name))
        for vote in block.votes:
            add(practitioner_entry(names, vote.voter, vote.voter_name))
        if _author_kind(block) == "Practitioner":
            add(practitioner_entry(names, block.issuer, block.issuer_name))
        else:
            fields = {
                "identifier": [identifier(MEMBER_SYSTEM, block.issuer)],
                "name": block.issuer_name,
            }
            add(names.entry("Organization", block.issuer, fields))
        if block.ai is not None:
            add(_device(names, block))
    return list(found.values())


def _device(names: Names, block: BlockView) -> Resource:
    ai = block.ai or {}
    fields = {
        "identifier": [identifier("urn:medquorum:model", model_key(block))],
        "deviceName": [{"name": str(ai.get("model_name", "")), "type": "model-name"}],
        "version": [{"value": str(ai.get("model_version", ""))}],
    }
    return names.entry("Device", model_key(block), fields)


def provenance_entry(names: Names, block: BlockView, targets: list[Resource]) -> Resource | None:
    """Whose word a block's resources rest on, and the block's hash; None without resources."""
    if not targets:
        return None
    agents = [_agent(names.reference(_author_kind(block), block.issuer), "author", "Author")]
    if block.ai is not None:
        device = names.reference("Device", model_key(block))
        agents.append(_agent(device, "assembler", "Assembler"))
    agents += [
        _agent(names.reference("Practitioner", vote.voter), "verifier", "Verifier")
        for vote in block.votes
        if _approves(vote)
    ]
    fields = {
        "target": [{"reference": target["fullUrl"]} for target in targets],
        "occurredDateTime": instant(block.issued_at_ms),
        "recorded": instant(block.batch_time_ms),
        "activity": coded(f"{TERMINOLOGY}iso-21089-lifecycle", "verify", "Verify Record"),
        "agent": agents,
        "entity": [
            {"role": "source", "what": {"identifier": identifier(BLOCK_SYSTEM, block.hash)}}
        ],
    }
    return names.entry("Provenance", block.hash, fields)


def _approves(vote: VoteView) -> bool:
    return vote.decision == "approve" and not vote.automatic


def _agent(who: Resource, code: str, text: str) -> Resource:
    return {"type": coded(_PARTICIPANT, code, text), "who": who}
