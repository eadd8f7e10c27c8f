"""Governance in miniature: acts, amendments, tails, members with other keys, evidence."""

from dataclasses import dataclass, field
from typing import Any

from .builder import Ledger, Made
from .primitives import (
    DAY_MS,
    DOCTORS,
    START_MS,
    ZERO,
    address,
    certificate,
    charter_map,
    enc,
    member,
    public,
    sign,
    tagged,
)

PEERS = {f"doctor-{n}": {"decision": "approve", "role": "peer"} for n in range(3)}


def majority_charter(**changes: Any) -> dict[str, Any]:
    """The charter of four doctors of whom three decide, and three order."""
    ordering = {**charter_map()["ordering"], "mode": "majority"}
    return charter_map(ordering=ordering, **changes)


@dataclass
class Governed(Ledger):
    """A ledger whose charter changes."""

    exchanged: dict[str, int] = field(default_factory=dict)
    """Whose consensus key was exchanged, and the first epoch of the new one."""

    def ordered(self, doctor: str, digest: bytes, epoch: int) -> bytes:
        """A signature with the key the doctor ordered with in an epoch."""
        is_new = epoch >= self.exchanged.get(doctor, epoch + 1)
        return sign(f"{doctor}/consensus{'/2' if is_new else ''}", digest)

    def act_core(self, kind: str, issuer: str, act: Any, **changes: Any) -> dict[str, Any]:
        """The core of a governance proposal."""
        return {
            "act": act,
            "expires_at_ms": self.now_ms + DAY_MS,
            "issued_at_ms": self.now_ms,
            "issuer": address(issuer),
            "network": self.network,
            "record": len(self.blocks).to_bytes(32, "big"),
            "type": kind,
            "version": 1,
            **changes,
        }

    def govern(
        self,
        kind: str,
        issuer: str,
        act: Any,
        said: dict[str, Any] | None = None,
        /,
        *,
        outcome: str = "accepted",
        signer: str | None = None,
        header_changes: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Made:
        """Make a governance block; three doctors approve where nothing else is said."""
        core = self.act_core(kind, issuer, act, **changes)
        encoded = enc(core)
        proposal = tagged("proposal", self.network, encoded)
        purpose = "consensus" if kind == "evidence" else "clinical"
        header = {
            "hpatient": ZERO,
            "hprevious": self.blocks[-1].hash if self.blocks else self.network,
            "n_bc": len(self.blocks) + 1,
            "n_pa": 0,
            "n_pb": 0,
            "outcome": outcome,
            "proposal": proposal,
            **(header_changes or {}),
        }
        signature = sign(signer or f"{issuer}/{purpose}", proposal)
        made = Made(
            block=enc({"core": encoded, "header": enc(header), "signature": signature}),
            witness=enc({"votes": self.votes(proposal, PEERS if said is None else said)}),
            hash=tagged("block", self.network, enc(header)),
            core=core,
            header=header,
        )
        self.blocks.append(made)
        self.waiting.append(made)
        return made

    def amend(self, *changes: dict[str, Any], issuer: str = "doctor-0", **more: Any) -> Made:
        """An amendment of the charter in force."""
        act = {"base_version": self.epoch, "changes": list(changes)}
        return self.govern("amendment", issuer, {**act, **more.pop("act", {})}, **more)

    def amended(self, *changes: dict[str, Any], doctors: list[str] | None = None) -> "Governed":
        """The next epoch after an amendment, ordered by these doctors."""
        self.amend(*changes)
        self.close()
        self.next_epoch(*(self.seats[-1] if doctors is None else doctors))
        return self

    def ordering_vote(self, doctor: str, kind: str, hash_: bytes | None, **changes: Any) -> bytes:
        """A signed ordering vote on slot 9 of the epoch."""
        stated: dict[str, Any] = {"epoch": self.epoch, "hash": hash_, "kind": kind, "slot": 9}
        signer = changes.pop("signer", None)
        stated |= changes
        digest = tagged("ordering-vote", self.network, enc(stated))
        signature = self.ordered(doctor, digest, stated["epoch"])
        number = self.seats[stated["epoch"]].index(doctor) if signer is None else signer
        return enc({**stated, "signature": signature, "signer": number})

    def evidence(self, culprit: str, kind: str, *messages: bytes, **changes: Any) -> dict[str, Any]:
        """The act that shows two messages, in order."""
        first, second = sorted(messages)
        act = {"culprit": address(culprit), "first": first, "kind": kind, "second": second}
        return {**act, **changes}


def founded(**changes: Any) -> Governed:
    """A ledger of a majority network whose patient 1 is attended by doctor-0."""
    ledger = Governed(charter=majority_charter(**changes))
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.close()
    return ledger


def absence(
    attending: str = "doctor-0", delegate: str | None = "doctor-1", **changes: Any
) -> dict[str, Any]:
    """A doctor away for a week from the beginning."""
    act: dict[str, Any] = {
        "attending": address(attending),
        "delegate": delegate and address(delegate),
        "from_ms": START_MS,
        "to_ms": START_MS + 7 * DAY_MS,
    }
    return {**act, **changes}


def entry(**changes: Any) -> dict[str, Any]:
    """The entry of the registry that `absence()` makes."""
    return {**absence(), "patient": None, "proposal": None, **changes}


def rotated(label: str, *purposes: str, **changes: Any) -> dict[str, Any]:
    """A member with other keys for these purposes, `tls` among them, proved by all its keys."""
    old = member(label)
    key_of = {name: f"{label}/{name}{'/2' if name in purposes else ''}" for name in old["keys"]}
    keys = {name: key and public(key_of[name]) for name, key in old["keys"].items()}
    tls = f"{label}/tls/2" if "tls" in purposes else None
    request = {**old, "keys": keys, "tls_certificate": certificate(label, tls), **changes}
    del request["proofs"]
    digest = tagged("request", b"", enc(request))
    proofs = {
        name: request["keys"][name] and sign(key_of[name], digest)
        for name in ("clinical", "consensus", "policy")
    }
    return {**request, "proofs": proofs}


def sole(doctor: str) -> list[str]:
    """The seats without one doctor."""
    return [name for name in DOCTORS if name != doctor]


def peers(**decisions: str) -> dict[str, Any]:
    """Peers' votes: `d1="a"` approves, `r` rejects, `n` abstains."""
    words = {"a": "approve", "r": "reject", "n": "abstain"}
    return {
        f"doctor-{name[1:]}": {"decision": words[one], "role": "peer"}
        for name, one in decisions.items()
    }
