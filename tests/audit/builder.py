"""Chains, exports and proofs in miniature.

Everything can be made wrong on purpose: the `changes` of a call are applied before hashing and
signing, so that exactly one rule is broken.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from .primitives import (
    DAY_MS,
    DOCTORS,
    PART_OF,
    START_MS,
    ZERO,
    address,
    charter_map,
    enc,
    high_s,
    merkle,
    part,
    public,
    sign,
    tagged,
)
from .proving import proof_of


@dataclass(frozen=True)
class Made:
    """A finished block with its witness."""

    block: bytes
    witness: bytes
    hash: bytes
    core: dict[str, Any]
    header: dict[str, Any]


@dataclass
class Ledger:
    """A chain that grows block by block and batch by batch."""

    charter: dict[str, Any] = field(default_factory=charter_map)
    now_ms: int = START_MS
    blocks: list[Made] = field(default_factory=list)
    waiting: list[Made] = field(default_factory=list)
    patients: dict[int, list[Made]] = field(default_factory=dict)
    frames: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    absences: list[dict[str, Any]] = field(default_factory=list)
    """The registry the next batch names."""
    registries: list[list[dict[str, Any]]] = field(default_factory=list)
    """The registry that each batch named."""
    seats: list[list[str]] = field(default_factory=lambda: [DOCTORS])
    """Who orders, by number, in every epoch so far."""

    def __post_init__(self) -> None:
        self.network = tagged("charter", b"", enc(self.charter))
        self.tip = (0, self.network)
        self.last = (0, 0, self.network)

    @property
    def epoch(self) -> int:
        """The epoch in which the next batch stands."""
        return len(self.seats) - 1

    def head(self, patient: int) -> bytes:
        """The hash of a patient's latest accepted block."""
        return self.patients[patient][-1].hash

    def core(
        self, kind: str, issuer: str, patient: int | None, /, **changes: Any
    ) -> dict[str, Any]:
        """A core that fits the chain as it is."""
        number = len(self.blocks)
        parts = [part(PART_OF[kind])] if kind in PART_OF else []
        person = f"patient-{patient or len(self.patients) + 1}"
        if patient is None:
            parts = sorted([*parts, part("PAT_NAME")], key=lambda one: one["name"])
        core = {
            "ai": None,
            "doctor": address("doctor-0"),
            "expires_at_ms": self.now_ms + DAY_MS,
            "issued_at_ms": self.now_ms,
            "issuer": address(issuer),
            "network": self.network,
            "parts": parts,
            "patient": patient,
            "patient_key": public(person),
            "patient_name": hashlib.sha256(person.encode()).digest(),
            "record": hashlib.sha256(f"record {number}".encode()).digest(),
            "references": [],
            "registration": None,
            "replaces": None,
            "seen_head": ZERO if patient is None else self.head(patient),
            "type": kind,
            "version": 1,
            **changes,
        }
        core.setdefault("body_root", merkle([enc(one) for one in core["parts"]]))
        if patient is None and "registration" not in changes:
            core["registration"] = self.registration(core, person)
        return core

    def registration(self, core: dict[str, Any], person: str) -> dict[str, Any]:
        """What a new patient signs."""
        signed = {"encryption_key": public(f"{person}/encryption")}
        named = {name: core[name] for name in ("issuer", "patient_key")}
        digest = tagged("registration", self.network, enc({**signed, **named}))
        return {**signed, "proof": sign(person, digest)}

    def vote(
        self, proposal: bytes, doctor: str, /, decision: str = "approve", **changes: Any
    ) -> bytes:
        """A vote; the attending is doctor-0 unless `changes` say otherwise."""
        human = changes.get("mode", "human") == "human"
        signer = changes.pop("signer", f"{doctor}/{'clinical' if human else 'policy'}")
        malleate = changes.pop("malleate", False)
        outside = {name: changes.pop(name) for name in ("bundle",) if name in changes}
        signed = {
            "algorithm": "es256",
            "comment": None,
            "decision": decision,
            "grade": None,
            "mode": "human",
            "proposal": proposal,
            "role": "attending" if doctor == "doctor-0" else "peer",
            "voter": address(doctor),
            **changes,
        }
        signature = sign(signer, tagged("vote", self.network, enc(signed)))
        signature = high_s(signature) if malleate else signature
        return enc({**signed, "bundle": b"", **outside, "signature": signature})

    def votes(self, proposal: bytes, decisions: dict[str, Any]) -> list[bytes]:
        """Votes by doctor: a decision, or the fields of a vote."""
        made = []
        for doctor, said in decisions.items():
            changes = said if isinstance(said, dict) else {"decision": said}
            made.append(self.vote(proposal, doctor, **changes))
        return sorted(made, key=lambda vote: msgpack.unpackb(vote)["voter"])

    def append(
        self,
        core: dict[str, Any],
        issuer: str,
        *,
        decisions: dict[str, Any] | None = None,
        outcome: str = "accepted",
        header_changes: dict[str, Any] | None = None,
        witness: Any = None,
        signature: bytes | None = None,
    ) -> Made:
        """Make the next block and leave it for the next batch."""
        encoded = enc(core)
        proposal = tagged("proposal", self.network, encoded)
        accepted = outcome == "accepted"
        number = (core["patient"] or len(self.patients) + 1) if accepted else core["patient"] or 0
        chain = self.patients.get(number, []) if accepted else []
        header = {
            "hpatient": chain[-1].hash if chain else ZERO,
            "hprevious": self.blocks[-1].hash if self.blocks else self.network,
            "n_bc": len(self.blocks) + 1,
            "n_pa": len(chain) + 1 if accepted else 0,
            "n_pb": number,
            "outcome": outcome,
            "proposal": proposal,
            **(header_changes or {}),
        }
        if decisions is None:
            said = "approve" if accepted else "reject"
            decisions = {"doctor-0": said, "doctor-1": said, "doctor-2": said}
        votes = witness or self.votes(proposal, decisions)
        sealed = signature or sign(f"{issuer}/clinical", proposal)
        made = Made(
            block=enc({"core": encoded, "header": enc(header), "signature": sealed}),
            witness=enc({"votes": votes}),
            hash=tagged("block", self.network, enc(header)),
            core=core,
            header=header,
        )
        self.blocks.append(made)
        self.waiting.append(made)
        if accepted:
            self.patients.setdefault(number, []).append(made)
        return made

    def certificate(
        self,
        kind: str,
        slot: int,
        batch: bytes | None,
        signers: Sequence[int] | None = None,
        /,
        *,
        of_epoch: int | None = None,
        **changes: Any,
    ) -> bytes:
        """A certificate by the doctors of these numbers, else by as many as any quorum needs."""
        epoch = self.epoch if of_epoch is None else of_epoch
        seats = self.seats[epoch]
        vote = {"epoch": epoch, "hash": batch, "kind": kind, "slot": slot}
        digest = tagged("ordering-vote", self.network, enc(vote))
        numbers = range(len(seats) - (len(seats) > 3)) if signers is None else signers
        votes = [[n, self.ordered(seats[n % len(seats)], digest, epoch)] for n in numbers]
        return enc({**vote, "votes": votes, **changes})

    def ordered(self, doctor: str, digest: bytes, epoch: int) -> bytes:
        """A doctor's signature as an orderer in an epoch."""
        return sign(f"{doctor}/consensus", digest)

    def close(
        self,
        *,
        kind: str = "batch",
        skipped: int = 0,
        final: bool = True,
        certificate: bytes | None = None,
        justification: list[bytes] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Put the waiting blocks in a batch, with a final certificate of its own or none."""
        parent_slot, parent_hash = self.tip
        slot = parent_slot + skipped + 1
        self.now_ms += 1_000
        if justification is None:
            own = [self.certificate("notar", parent_slot, parent_hash)] if parent_slot else []
            between = range(parent_slot + 1, slot)
            justification = own + [self.certificate("skip", one, None) for one in between]
        made, self.waiting = self.waiting, []
        header = {
            "blocks_root": merkle([one.block for one in made]),
            "charter_version": self.epoch,
            "count": len(made),
            "epoch": self.epoch,
            "first_nbc": len(self.blocks) - len(made) + 1,
            "justification_root": merkle(justification),
            "last_block_hash": self.blocks[-1].hash if self.blocks else self.network,
            "leader": (self.epoch + slot) % len(self.seats[-1]),
            "network": self.network,
            "parent_hash": parent_hash,
            "parent_slot": parent_slot,
            "registry_hash": tagged("registry", self.network, enc({"absences": self.absences})),
            "seal_nonce": 0,
            "slot": slot,
            "time_ms": self.now_ms,
            "witness_root": merkle([one.witness for one in made]),
            **changes,
        }
        batch = tagged("batch", self.network, enc(header))
        if final and certificate is None:
            certificate = self.certificate("final", header["slot"], batch)
        self.frames.append(
            {
                "certificate": certificate,
                "header": enc(header),
                "justification": justification,
                "kind": kind,
            }
        )
        self.frames += [{"block": m.block, "kind": "block", "witness": m.witness} for m in made]
        self.headers.append(header)
        self.registries.append(self.absences)
        self.tip = (header["slot"], batch)
        if kind == "batch":
            self.last = (self.epoch, *self.tip)
        return header

    def tail(self, **changes: Any) -> dict[str, Any]:
        """One more batch of the tail that makes an amendment final."""
        return self.close(kind="tail", **changes)

    def next_epoch(self, *doctors: str) -> None:
        """Go on from the last batch, ordered by these doctors from now on."""
        self.seats.append(sorted(doctors, key=address))
        self.tip = (0, self.last[2])

    def export_frames(self, **changes: Any) -> list[bytes]:
        """The encoded frames of the export, the announcement first."""
        announcement = {
            "format": "medquorum/export/1",
            "network": self.network,
            "kind": "export",
            "tip_epoch": self.last[0],
            "tip_hash": self.last[2],
            "tip_n_bc": len(self.blocks),
            "tip_slot": self.last[1],
            **changes,
        }
        return [enc(announcement), *(enc(frame) for frame in self.frames)]

    def proof(self, n_bc: int, **changes: Any) -> dict[str, Any]:
        """The proof of one block, with every header from its batch to the end of its epoch."""
        return {**proof_of(self, n_bc), **changes}
