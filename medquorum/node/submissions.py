"""New proposals of this node's own members: sealed, signed, durable, gossiped (R-PRO, R-BOD).

What is refused leaves nothing behind: chunks are deleted, no row is written. A record names one
body (R-PRO3), so nothing that is refused can touch a body that was taken before.
"""

from __future__ import annotations

from collections.abc import Sequence

from medquorum.consensus.admission import judge_position, judge_proposal
from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.body import body_root
from medquorum.ledger.chain import ChainState
from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.errors import CodecError, LedgerError
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.limits import CHUNK, PART_BYTES
from medquorum.ledger.part_keys import TAG_BYTES
from medquorum.ledger.proposal import Core, Proposal, issue, parse_proposal
from medquorum.ledger.proposal import Registration as CoreRegistration
from medquorum.ledger.reasons import ACCEPT, Reason
from medquorum.ledger.registration import patient_name_commitment
from medquorum.ledger.signature import Signature, Signer, verify
from medquorum.ledger.types import (
    CLINICAL_TYPES,
    ISSUERS,
    BlockHash,
    Outcome,
    PartName,
    RecordId,
    Role,
)
from medquorum.ledger.wrap import Wrap, parse_wrap, verify_wrap
from medquorum.node.bodies import Bodies, BodyState
from medquorum.node.body_store import BodyStore, BodyStoreError, BodyStoreMisuse
from medquorum.node.desk import DeskError, Receipt, Submission
from medquorum.node.driver import Driver, now_ms
from medquorum.node.intake.gate import ImageGate
from medquorum.node.issuer import Issuer
from medquorum.node.machine_reports import check_machine_report, provenance_of
from medquorum.node.recipients import encryption_keys, patient_keys
from medquorum.node.refusals import ADVICE, misplaced, refusal
from medquorum.node.sealing import Grantor, SealedBody, new_record, wraps_for


class Submissions:
    """Takes new proposals from this node's own users."""

    def __init__(self, driver: Driver, bodies: Bodies, chunks: BodyStore, issuer: Issuer) -> None:
        self._driver = driver
        self._bodies = bodies
        self._chunks = chunks
        self._issuer = issuer
        self._images = ImageGate()
        self._entering: set[RecordId] = set()
        """Records of sealed bodies being taken in: one proposal at a time for each."""

    @property
    def _state(self) -> ChainState:
        """The ledger now, with the charter in force."""
        return self._driver.replica.state

    async def submit(self, submission: Submission) -> Receipt:
        """Seal and sign plain parts with the institution's issuing key; images are looked into.

        A submission whose record is submitted already is answered with that receipt again.
        """
        sign = self._issuer.sign
        if sign is None:
            raise DeskError(
                403,
                "key_elsewhere",
                "this doctor's clinical key is not in the node: sign with `medquorum submit` "
                "on the doctor's own machine",
            )
        record = new_record() if submission.record is None else RecordId(submission.record)
        if (taken := self._bodies.proposal(record)) is not None:
            return _receipt(taken)
        patient = self._known_patient(submission)
        self._precheck(submission)
        try:
            network, parts = self._state.network, submission.parts
            body = await self._images.seal(network, record, parts, self._keep_chunk)
            proposal = issue(self._core(submission, body, patient), sign)
            wraps = self._wraps(proposal.core, body, sign, patient)
            await self._keep(proposal, wraps)
        except LedgerError as error:
            await self._bodies.forget(record)
            raise DeskError(400, Reason.MALFORMED.value, str(error)) from error
        except (BodyStoreError, OSError) as error:
            await self._bodies.forget(record)
            raise _unstored() from error
        except BaseException:
            await self._bodies.forget(record)
            raise
        return await self._propose(proposal)

    async def _keep_chunk(
        self, record: RecordId, part: PartName, index: int, sealed: bytes
    ) -> None:
        await self._chunks.put_chunk(record, part.value, index, sealed)

    def _known_patient(self, submission: Submission) -> PatientState | None:
        if submission.registration is not None:
            return None
        number = submission.patient
        patient = None if number is None else self._state.patient(number)
        if patient is None:
            raise DeskError(404, "unknown_patient", ADVICE[Reason.UNKNOWN_PATIENT])
        return patient

    def _precheck(self, submission: Submission) -> None:
        """What would be refused after sealing is refused before it."""
        member = self._state.charter.member(self._issuer.address)
        if submission.type not in CLINICAL_TYPES:
            raise DeskError(400, Reason.TYPE_RESERVED.value, "this type is not in use yet")
        if member is None or member.role not in ISSUERS[submission.type]:
            raise DeskError(403, Reason.ROLE_NOT_ALLOWED.value, ADVICE[Reason.ROLE_NOT_ALLOWED])
        if any(path.stat().st_size > PART_BYTES - 8 for path in submission.parts.values()):
            raise DeskError(413, Reason.BODY_TOO_LARGE.value, ADVICE[Reason.BODY_TOO_LARGE])
        if submission.provenance is not None and member.role is Role.AI_ENTITY:
            ai = provenance_of(submission.provenance, ())
            check_machine_report(ai, member.models, submission.parts.get(PartName.M_REPORT))

    def _core(self, submission: Submission, body: SealedBody, patient: PatientState | None) -> Core:
        now = now_ms()
        patient_key, name = self._identity(submission, patient)
        references = tuple(BlockHash(one) for one in submission.references)
        given = submission.provenance
        attending = self._state.attending_of(patient.number) if patient else None
        return Core(
            type=submission.type,
            network=self._state.network,
            issuer=self._issuer.address,
            doctor=Address(submission.doctor or attending or ZERO),
            patient=submission.patient if patient else None,
            patient_key=patient_key,
            patient_name=name,
            record=body.record,
            parts=body.parts,
            body_root=body_root(body.parts),
            seen_head=patient.head if patient else BlockHash(ZERO),
            issued_at_ms=now,
            expires_at_ms=now + submission.lifetime_ms,
            references=references,
            replaces=BlockHash(submission.replaces) if submission.replaces else None,
            registration=_registration(submission),
            ai=None if given is None else provenance_of(given, references),
        )

    def _identity(
        self, submission: Submission, patient: PatientState | None
    ) -> tuple[PublicKey, bytes]:
        """Kp and PAT NAME: from the chain, or from the registration (R-PRO5)."""
        registration = submission.registration
        if patient is not None:
            return patient.key, patient.name
        if registration is None:
            raise DeskError(404, "unknown_patient", ADVICE[Reason.UNKNOWN_PATIENT])
        name = patient_name_commitment(
            self._state.network, registration.name_salt, registration.name
        )
        return PublicKey(registration.public_key), name

    def _wraps(
        self, core: Core, body: SealedBody, sign: Signer, patient: PatientState | None
    ) -> tuple[Wrap, ...]:
        keys = patient_keys(core, patient)
        if keys is None:
            raise DeskError(404, "unknown_patient", ADVICE[Reason.UNKNOWN_PATIENT])
        recipients = encryption_keys(self._state.charter, core.type, core.issuer, keys)
        grantor = Grantor(self._issuer.address, sign)
        return wraps_for(self._state.network, body, grantor, recipients)

    async def _keep(self, proposal: Proposal, wraps: Sequence[Wrap]) -> None:
        """Make a body durable and open it as a recipient would; DeskError where it may not be."""
        core = proposal.core
        placed = judge_position(core, Outcome.ACCEPTED, self._state)
        if placed != ACCEPT:
            raise misplaced(placed)
        await self._chunks.make_durable(core.record)
        if await self._bodies.adopt(proposal, wraps) is not BodyState.OPENED:
            raise DeskError(
                400,
                "body_does_not_open",
                "chunks, wraps and proposal do not belong together; seal the body anew",
            )

    async def _propose(self, proposal: Proposal) -> Receipt:
        """Hand the proposal to the replica; its body goes when it is refused."""
        core = proposal.core
        judgement = await self._driver.ask(ProposalArrived(proposal, None))
        if judgement != ACCEPT:
            await self._bodies.forget(core.record)
            raise refusal(judgement)
        return _receipt(proposal)

    async def put_chunk(self, record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
        """Store one sealed chunk of a body that is to be submitted."""
        if len(sealed) > CHUNK + TAG_BYTES or not 0 <= index < PART_BYTES // CHUNK:
            raise DeskError(413, Reason.BODY_TOO_LARGE.value, "a chunk holds at most 1 MiB")
        self._refuse_taken(record)
        try:
            await self._chunks.put_chunk(record, part.value, index, sealed)
        except BodyStoreMisuse as error:
            raise DeskError(400, Reason.MALFORMED.value, str(error)) from None
        except BodyStoreError as error:
            raise _unstored() from error

    def _refuse_taken(self, record: RecordId) -> None:
        if record in self._entering or self._bodies.proposal(record) is not None:
            raise DeskError(409, Reason.DUPLICATE.value, "this record is submitted already")

    async def accept_sealed(self, encoded: bytes, wraps: Sequence[bytes]) -> Receipt:
        """Take a proposal sealed and signed elsewhere by this node's own member.

        Images in it are not looked into, neither here, where they are ciphertext, nor when its
        recipients open them: whoever sealed them did, as `medquorum submit` does. What was taken
        before is answered with its receipt again, for whoever lost the first answer.
        """
        try:
            proposal = parse_proposal(encoded)
            opened = [parse_wrap(wrap) for wrap in wraps]
        except CodecError as error:
            raise DeskError(400, Reason.MALFORMED.value, str(error)) from None
        core = proposal.core
        if core.issuer != self._issuer.address:
            raise DeskError(403, "not_this_member", "submit at the node of the issuing member")
        taken = self._bodies.proposal(core.record)
        if taken is not None and taken.id == proposal.id and core.record not in self._entering:
            return _receipt(taken)
        self._refuse_taken(core.record)
        judgement = judge_proposal(proposal, self._state, verify)
        if judgement != ACCEPT:
            raise refusal(judgement)
        self._entering.add(core.record)
        try:
            await self._check_complete(core)
            try:
                self._check_wraps(core, opened)
                await self._keep(proposal, opened)
            except BodyStoreError as error:
                raise _unstored() from error
            except BaseException:
                await self._bodies.forget(core.record)
                raise
            return await self._propose(proposal)
        finally:
            self._entering.discard(core.record)

    async def _check_complete(self, core: Core) -> None:
        for part in core.parts:
            held = await self._chunks.has_chunks(core.record, part.name.value)
            missing = [index for index in range(part.chunks) if index not in held]
            if missing:
                raise DeskError(
                    409,
                    "body_incomplete",
                    f"put chunk {missing[0]} of part {part.name.value} first",
                )

    def _check_wraps(self, core: Core, wraps: Sequence[Wrap]) -> None:
        member = self._state.charter.member(core.issuer)
        given = {wrap.recipient for wrap in wraps}
        genuine = member is not None and all(
            wrap.record == core.record
            and wrap.grantor == core.issuer
            and verify_wrap(self._state.network, wrap, member.keys.clinical)
            for wrap in wraps
        )
        patient = None if core.patient is None else self._state.patient(core.patient)
        keys = patient_keys(core, patient)
        if keys is None:
            raise DeskError(404, "unknown_patient", ADVICE[Reason.UNKNOWN_PATIENT])
        wanted = encryption_keys(self._state.charter, core.type, core.issuer, keys)
        if not genuine or not set(wanted) <= given:
            raise DeskError(
                400, "bad_wraps", "give every doctor, the issuer and the patient a signed wrap"
            )


def _receipt(proposal: Proposal) -> Receipt:
    core = proposal.core
    return Receipt(proposal.id.hex(), core.record.hex(), core.body_root.hex())


def _unstored() -> DeskError:
    return DeskError(
        503, "storage", "the node could not store the body; its operator looks at the disk"
    )


def _registration(submission: Submission) -> CoreRegistration | None:
    registration = submission.registration
    if registration is None:
        return None
    return CoreRegistration(PublicKey(registration.encryption_key), Signature(registration.proof))
