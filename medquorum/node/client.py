"""A typed client of a node's API: what the command line, the demonstration and the bench speak.

Methods mirror the `Desk`. Refusals become `ApiProblem` with the node's rule and advice, an
unreachable node becomes `NodeUnreachable`.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from medquorum.ledger.types import PartName
from medquorum.ledger.vote import Vote
from medquorum.node.account_records import UserRole
from medquorum.node.api.schemas import (
    AccessList,
    BlockPage,
    LoginAnswer,
    PatientPage,
    ProposalList,
    Readiness,
    Revoked,
    UserAnswer,
    UserList,
)
from medquorum.node.client_events import follow_events
from medquorum.node.client_governance import GovernanceClient, given, once
from medquorum.node.client_submission import FileSubmission
from medquorum.node.client_transport import ApiProblem, NodeUnreachable
from medquorum.node.desk import Receipt, VoteReceipt
from medquorum.node.views import (
    BlockView,
    EventView,
    PatientView,
    ProposalView,
    StatusView,
    WhyView,
)

__all__ = ["ApiProblem", "FileSubmission", "NodeClient", "NodeUnreachable"]

PAGE: Final = 500


class NodeClient(GovernanceClient):
    """One node's API, as one user. `NodeClient(base_url, token)`, closed by `async with`."""

    async def login(self, name: str, password: str) -> LoginAnswer:
        """Log in; later calls use the token."""
        body = {"name": name, "password": password, "kind": "bearer"}
        answer = await self.typed(LoginAnswer, "POST", "/v1/login", json=body)
        self.token = answer.token
        return answer

    async def logout(self) -> None:
        """End the token of this client."""
        await self.octets("POST", "/v1/logout")
        self.token = None

    async def add_user(
        self, name: str, role: UserRole, *, password: str | None = None, patient: str | None = None
    ) -> UserAnswer:
        """Add a user of the node."""
        body = {"name": name, "role": role.value, "password": password, "patient": patient}
        return await self.typed(UserAnswer, "POST", "/v1/users", json=body)

    async def users(self) -> UserList:
        """All users."""
        return await self.typed(UserList, "GET", "/v1/users")

    async def new_token(self, user: str, *, label: str = "", lifetime_days: int = 30) -> str:
        """A bearer token for a user."""
        body = {"user": user, "label": label, "lifetime_days": lifetime_days}
        answer = await self.typed(LoginAnswer, "POST", "/v1/tokens", json=body)
        return answer.token or ""

    async def revoke_tokens(self, user: str) -> int:
        """End a user's tokens and sessions; how many."""
        return (await self.typed(Revoked, "DELETE", f"/v1/users/{user}/tokens")).ended

    async def status(self) -> StatusView:
        """The node in one glance."""
        return await self.typed(StatusView, "GET", "/v1/status")

    async def ready(self) -> Readiness:
        """Whether the node can serve, and what is missing."""
        asked = {"verbose": "1"}
        return await self.typed(Readiness, "GET", "/readyz", params=asked, also=(503,))

    async def charter_bytes(self) -> bytes:
        """The signed charter file (R-CHA6)."""
        return await self.octets("GET", "/v1/charter/bytes")

    async def submit_files(
        self, submission: FileSubmission, *, idempotency_key: str | None = None
    ) -> Receipt:
        """Submit an institution's parts, files streamed."""
        headers = once(idempotency_key)
        return await self.typed(
            Receipt, "POST", "/v1/submissions", data=submission.form(), headers=headers
        )

    async def put_chunk(self, record: bytes, part: PartName, index: int, sealed: bytes) -> None:
        """Store one sealed chunk."""
        path = f"/v1/bodies/{record.hex()}/{part.value}/{index}"
        headers = {"Content-Type": "application/octet-stream"}
        await self.octets("PUT", path, data=sealed, headers=headers)

    async def accept_sealed(
        self, proposal: bytes, wraps: Sequence[bytes], *, idempotency_key: str | None = None
    ) -> Receipt:
        """Propose what was sealed and signed here; its chunks must have been put."""
        body = {
            "proposal": base64.b64encode(proposal).decode(),
            "wraps": [base64.b64encode(wrap).decode() for wrap in wraps],
        }
        headers = once(idempotency_key)
        return await self.typed(Receipt, "POST", "/v1/proposals", json=body, headers=headers)

    async def vote(self, vote: Vote | bytes, *, idempotency_key: str | None = None) -> VoteReceipt:
        """Cast a signed vote; durable when this returns."""
        encoded = vote.encoded() if isinstance(vote, Vote) else vote
        headers = {"Content-Type": "application/octet-stream", **once(idempotency_key)}
        return await self.typed(VoteReceipt, "POST", "/v1/votes", data=encoded, headers=headers)

    async def inbox(self) -> tuple[ProposalView, ...]:
        """Open proposals that wait for this node's doctor."""
        return (await self.typed(ProposalList, "GET", "/v1/inbox")).proposals

    async def proposals(
        self, state: str | None = None, limit: int = 50
    ) -> tuple[ProposalView, ...]:
        """Proposals, newest first."""
        asked = given(state=state, limit=limit)
        return (await self.typed(ProposalList, "GET", "/v1/proposals", params=asked)).proposals

    async def proposal(self, identifier: str) -> ProposalView:
        """One proposal by hex id."""
        return await self.typed(ProposalView, "GET", f"/v1/proposals/{identifier}")

    async def proposal_bytes(self, identifier: str) -> bytes:
        """Its canonical bytes (R-PRO2)."""
        return await self.octets("GET", f"/v1/proposals/{identifier}/bytes")

    async def why(self, identifier: str) -> WhyView:
        """Why it is not final."""
        return await self.typed(WhyView, "GET", f"/v1/proposals/{identifier}/why")

    async def blocks(
        self, after: int = 0, limit: int = 50, patient: int | None = None
    ) -> tuple[BlockView, ...]:
        """One page of blocks with N BC greater than `after`."""
        asked = given(after=after, limit=limit, patient=patient)
        return (await self.typed(BlockPage, "GET", "/v1/blocks", params=asked)).blocks

    async def all_blocks(
        self, after: int = 0, patient: int | None = None
    ) -> AsyncIterator[BlockView]:
        """Every block, page by page."""
        following: int | None = after
        while following is not None:
            asked = given(after=following, limit=PAGE, patient=patient)
            page = await self.typed(BlockPage, "GET", "/v1/blocks", params=asked)
            for block in page.blocks:
                yield block
            following = page.next_after

    async def block(self, n_bc: int) -> BlockView:
        """One block by N BC."""
        return await self.typed(BlockView, "GET", f"/v1/blocks/{n_bc}")

    async def block_by_hash(self, block: str) -> BlockView:
        """One block by hex hash."""
        return await self.typed(BlockView, "GET", f"/v1/blocks/hash/{block}")

    async def proof(self, n_bc: int) -> bytes:
        """The offline proof of one block (R-EXP3)."""
        return await self.octets("GET", f"/v1/proofs/{n_bc}")

    def export(self) -> AsyncIterator[bytes]:
        """The export of the final chain, in pieces that do not respect frames (R-EXP1)."""
        return self.stream("/v1/chain/export")

    async def export_to(self, target: Path) -> int:
        """The export as a new file; bytes written."""
        return await self.download("/v1/chain/export", target)

    async def patients(self) -> tuple[PatientView, ...]:
        """Every registered patient."""
        found: list[PatientView] = []
        following: int | None = 0
        while following is not None:
            asked = given(after=following, limit=PAGE)
            page = await self.typed(PatientPage, "GET", "/v1/patients", params=asked)
            found.extend(page.patients)
            following = page.next_after
        return tuple(found)

    async def patient(self, number: int) -> PatientView:
        """One patient by N PB."""
        return await self.typed(PatientView, "GET", f"/v1/patients/{number}")

    async def patient_by_address(self, address: str) -> PatientView:
        """One patient by the address of the patient's key."""
        return await self.typed(PatientView, "GET", f"/v1/patients/address/{address}")

    async def history(self, number: int, after: int = 0, limit: int = 50) -> tuple[BlockView, ...]:
        """One page of a patient's blocks."""
        asked = given(after=after, limit=limit)
        path = f"/v1/patients/{number}/history"
        return (await self.typed(BlockPage, "GET", path, params=asked)).blocks

    def read_part(
        self, record: str, part: PartName, purpose: str = "treatment"
    ) -> AsyncIterator[bytes]:
        """The plaintext of a part; NodeUnreachable when it breaks off: then it is not whole."""
        return self.stream(f"/v1/records/{record}/{part.value}", params={"purpose": purpose})

    async def part_to(
        self, record: str, part: PartName, target: Path, purpose: str = "treatment"
    ) -> int:
        """A part as a new file; bytes written."""
        path = f"/v1/records/{record}/{part.value}"
        return await self.download(path, target, params={"purpose": purpose})

    async def accesses(self, patient: int | None = None) -> tuple[dict[str, object], ...]:
        """Who read what."""
        asked = given(patient=patient, limit=PAGE)
        return (await self.typed(AccessList, "GET", "/v1/accesses", params=asked)).accesses

    def events(self, after: int = 0) -> AsyncGenerator[EventView, None]:
        """Live changes, resumed after a broken connection; ends only by ApiProblem."""
        return follow_events(self, after)
