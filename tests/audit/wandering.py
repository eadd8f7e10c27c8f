"""Ledgers that governance takes anywhere: acts drawn at random, admissible or not.

A quorum orders whatever is drawn. The registry and the seats of the next batch are taken from the
independent verifier as it reads along; should they be wrong, the product refuses that batch.
"""

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from scripts.independent.canonical import Tampered
from scripts.independent.export import ExportAudit

from .governing import Governed, founded, rotated
from .judging import SIGNATURES, charter_of
from .primitives import DAY_MS, address, enc, member, public, tagged

DOCTORS = [f"doctor-{number}" for number in range(7)]
LABELS = {address(label): label for label in (*DOCTORS, "hospital", "laboratory")}
FAR = {"tip_epoch": 2**50, "tip_hash": bytes([7]) * 32, "tip_n_bc": 2**50, "tip_slot": 1}


class Wanderer:
    """One ledger that grows by what is admissible of what is drawn."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.ledger = founded(absence={"max_days": 30, "silence_hours": self.draw.choice([0, 72])})
        self.waiting: dict[str, Any] = {}
        self._read_again()

    def wander(self, steps: int) -> Iterator[Governed]:
        """Every ledger that ends with something inadmissible; at last the one without it."""
        for _ in range(steps):
            before = deepcopy(self.ledger)
            self._batch()
            try:
                self._follow()
            except Tampered:
                yield self.ledger
                self.ledger, self.waiting = before, {}
                self._read_again()
        yield self.ledger

    def _read_again(self) -> None:
        self.audit = ExportAudit(charter_of(self.ledger), SIGNATURES)
        self.audit.accept(self.ledger.export_frames(**FAR)[0])
        self.read = 0
        self._follow()

    def _follow(self) -> None:
        """Let the verifier read what is new, and go on from what it knows."""
        frames, self.read = self.ledger.frames[self.read :], len(self.ledger.frames)
        for frame in frames:
            self.audit.accept(enc(frame))
        chain = self.audit.chain
        self.ledger.absences = [entry.value() for entry in chain.registry]  # type: ignore[misc]
        if chain.charter.version > self.ledger.epoch:
            self.ledger.next_epoch(*(LABELS[one.address] for one in chain.charter.doctors))
            for doctor in chain.charter.doctors:
                label = LABELS[doctor.address]
                if doctor.consensus == public(f"{label}/consensus/2"):
                    self.ledger.exchanged.setdefault(label, self.ledger.epoch)

    def _batch(self) -> None:
        if self.draw.random() < 0.25:
            self._amendment()
            return
        for _ in range(self.draw.randint(1, 3)):
            acts = (self._absence, self._delegation, self._opening, self._evidence, self._care)
            self.draw.choice(acts)()
        self.ledger.now_ms += self.draw.choice([0, 0, DAY_MS // 2])
        self.ledger.close()

    def _doctor(self) -> str:
        return self.draw.choice(self.ledger.seats[-1])

    def _attending(self) -> str:
        chain = self.audit.chain
        named = chain.charter.responsible(chain.histories[1].attending)
        return LABELS[named] if named is not None and self.draw.random() < 0.9 else self._doctor()

    def _said(self, sure: list[str], role: str = "peer") -> dict[str, Any]:
        """Approvals of these and of most others."""
        said = {}
        for doctor in self.ledger.seats[-1]:
            words = ["approve"] * (40 if doctor in sure else 8) + ["reject", "abstain", None]
            word = self.draw.choice(words)
            if word is not None:
                said[doctor] = {"decision": word, "role": role}
        return said

    def _act(self, kind: str, issuer: str, act: Any, said: dict[str, Any]) -> None:
        against = sum(one["decision"] != "approve" for one in said.values())
        outcome = "rejected" if against > 1 and self.draw.random() < 0.8 else "accepted"
        self.ledger.govern(kind, issuer, act, said, outcome=outcome)

    def _absence(self) -> None:
        attending, delegate = self._attending(), self._doctor()
        issuer = attending if self.draw.random() < 0.7 else self._doctor()
        start = self.ledger.now_ms + self.draw.randint(-2, 20) * DAY_MS // 4
        times = {"from_ms": start, "to_ms": start + self.draw.randint(1, 40) * DAY_MS // 4}
        named: bytes | None = address(delegate)
        if self.draw.random() < 0.4:
            named, times = None, {"from_ms": 0, "to_ms": 0}
        act = {"attending": address(attending), "delegate": named, **times}
        self._act("absence", issuer, act, self._said([delegate]))

    def _delegation(self) -> None:
        attending, delegate = self._attending(), self._doctor()
        named = address(delegate) if self.draw.random() < 0.7 else None
        act = {"attending": address(attending), "delegate": named, "patient": 1}
        self._act("delegation", attending, act, self._said([delegate]))

    def _opening(self) -> None:
        delegate = self._doctor()
        if not self.waiting or self.draw.random() < 0.2:
            kind = self.draw.choice(["xray", "test_result"])
            issuer = "radiologist" if kind == "xray" else "laboratory"
            expires = self.ledger.now_ms + 80 * DAY_MS
            self.waiting = self.ledger.core(kind, issuer, 1, expires_at_ms=expires)
        proposal = tagged("proposal", self.ledger.network, enc(self.waiting))
        act = {"attending": address(self._attending()), "delegate": address(delegate)}
        self._act("opening", "hospital", {**act, "proposal": proposal}, self._said([delegate]))

    def _evidence(self) -> None:
        culprit, slot = self._doctor(), self.draw.randint(1, 9)
        kinds = self.draw.choice(["notar notar", "final final", "notar final", "skip final"])
        epoch = self.draw.randint(0, self.ledger.epoch)
        if culprit not in self.ledger.seats[epoch]:
            return
        votes = [
            self.ledger.ordering_vote(
                culprit, kind, None if kind == "skip" else bytes([at]) * 32, slot=slot, epoch=epoch
            )
            for at, kind in enumerate(kinds.split(), 1)
        ]
        names = {"notar notar": "two_notars", "final final": "two_finals"}
        kind = names.get(kinds, kinds.replace(" ", "_and_"))
        issuer = self._doctor()
        exchanged = self.ledger.epoch >= self.ledger.exchanged.get(issuer, 2**53)
        signer = f"{issuer}/consensus{'/2' if exchanged else ''}"
        act = self.ledger.evidence(culprit, kind, *votes)
        self.ledger.govern("evidence", issuer, act, {}, signer=signer)

    def _care(self) -> None:
        """An image, a result, the proposal that waits, or another attending."""
        core, issuer = self.waiting, ""
        self.waiting = {}
        if not core:
            kind = self.draw.choice(["xray", "test_result", "attending"])
            issuer = {"xray": "radiologist", "test_result": "laboratory"}.get(kind, "hospital")
            more = {"parts": []} if kind == "attending" else {}
            core = self.ledger.core(kind, issuer, 1, doctor=address(self._doctor()), **more)
        issuer = issuer or ("radiologist" if core["type"] == "xray" else "laboratory")
        attending = self._attending()
        said = self._said([attending])
        for doctor, one in said.items():
            role = self.draw.choice(["peer", "delegate", "delegate"])
            one["role"] = "attending" if doctor == attending else role
        if self.draw.random() < 0.2:
            said.pop(attending, None)
        against = sum(one["decision"] != "approve" for one in said.values())
        outcome = "rejected" if against > 1 and self.draw.random() < 0.8 else "accepted"
        self.ledger.append(core, issuer, decisions=said, outcome=outcome)

    def _amendment(self) -> None:
        changes = [self._change() for _ in range(self.draw.choice([1, 1, 1, 2]))]
        act = {"base_version": self.ledger.epoch, "changes": changes}
        self._act("amendment", self._issuer(changes), act, self._said(self.ledger.seats[-1]))
        tails = self.draw.choice([0, 0, 1, 2])
        header = self.ledger.close(final=tails == 0)
        for number in range(tails):
            left = [one for one in self.ledger.absences if one["to_ms"] >= header["time_ms"]]
            self.ledger.absences = left
            header = self.ledger.tail(final=number == tails - 1)

    def _issuer(self, changes: list[dict[str, Any]]) -> str:
        own = [one for one in changes if one["kind"] == "rotate_key"]
        return LABELS[own[0]["member"]["address"]] if own else "hospital"

    def _change(self) -> dict[str, Any]:
        doctor, other = self.draw.choice(DOCTORS), self._doctor()
        kinds = ["admit", "revoke", "suspend", "reinstate", "rotate", "mode", "policy"]
        kind = self.draw.choice(kinds)
        match kind:
            case "admit":
                return {"kind": "admit", "member": member(doctor)}
            case "revoke":
                return {"kind": kind, "member": address(doctor), "successor": address(other)}
            case "suspend":
                return {"kind": kind, "member": address(doctor), "stand_in": address(other)}
            case "reinstate":
                return {"kind": kind, "member": address(doctor)}
            case "rotate":
                return {"kind": "rotate_key", "member": rotated(other, "consensus")}
            case "mode":
                return {"kind": "set_mode", "mode": self.draw.choice(["majority", "byzantine"])}
            case _:
                panel = self.draw.choice(["care_team", "all_doctors"])
                policy = {"auto_policies": [], "panel": panel, "strict": False}
                return {"kind": "set_policy", "policy": policy, "type": "xray"}
