"""What happened in a cluster, as text a person can read and a test can compare."""

from medquorum.consensus.effects import (
    Broadcast,
    CeaseVoting,
    Commit,
    Convict,
    Effect,
    Halt,
    Persist,
    Send,
)
from medquorum.consensus.messages import (
    Ask,
    BatchBody,
    BatchProposal,
    CertificateMessage,
    GetBatch,
    Message,
    OrderingVoteMessage,
    Status,
    Sync,
)
from medquorum.consensus.ordering.journal import (
    BodyKept,
    CertificateKept,
    Finalised,
    JournalRecord,
    Notarised,
    Proposed,
    Skipped,
)
from medquorum.ledger.certificate import Statement
from medquorum.ledger.keys import Address
from tests.consensus.ordering.toy import START_MS


class Story:
    """Lines of a transcript; batches get letters in the order they turn up."""

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self.lines: list[str] = []
        self._letters: dict[bytes, str] = {}

    def text(self) -> str:
        """The whole story."""
        return "\n".join(self.lines) + "\n"

    def event(self, now_ms: int, name: str, what: str) -> None:
        """Something the test did."""
        if self.enabled:
            self.lines.append(f"{now_ms - START_MS:>6}  {name} {what}".replace("   ", "  "))

    def heard(self, now_ms: int, name: str, sender: str | None, message: Message | None) -> None:
        """A node takes a message, or its timer goes off."""
        if self.enabled:
            what = "timer" if message is None else f"<- {sender}  {self.message(message)}"
            self.lines.append(f"{now_ms - START_MS:>6}  {name} {what}")

    def effect(self, names: dict[Address, str], effect: Effect) -> None:
        """What a node does about it."""
        if self.enabled:
            self.lines.append(" " * 12 + self._effect(names, effect))

    def _letter(self, digest: bytes | None) -> str:
        if digest is None:
            return "-"
        return self._letters.setdefault(digest, chr(ord("A") + len(self._letters)))

    def _effect(self, names: dict[Address, str], effect: Effect) -> str:
        match effect:
            case Persist(record):
                return f"write {self._record(record)}"
            case Send(to, message):
                return f"-> {names[to]}  {self.message(message)}"
            case Broadcast(message):
                return f"-> all {self.message(message)}"
            case Commit(batch, certificate):
                count = len(batch.blocks)
                by = self._letter(certificate.statement.hash)
                return f"COMMIT {self._letter(batch.hash)} ({count} blocks) by {by}"
            case Convict(evidence):
                what = evidence.contradiction.value
                return f"CONVICT d{evidence.signer} of {what} in slot {evidence.slot}"
            case Halt(reason, certificates):
                return f"HALT {reason} with {len(certificates)} certificates"
            case CeaseVoting(shown):
                return f"CEASE VOTING, shown {self._statement(shown.statement)}"

    def _statement(self, statement: Statement) -> str:
        return f"{statement.kind} {statement.slot} {self._letter(statement.hash)}"

    def _record(self, record: JournalRecord) -> str:
        match record:
            case Proposed(slot, digest) | Notarised(slot, digest) | Finalised(slot, digest):
                return f"{type(record).__name__.lower()} {slot} {self._letter(digest)}"
            case Skipped(slot):
                return f"skipped {slot}"
            case CertificateKept(certificate):
                return f"certificate {self._statement(certificate.statement)}"
            case BodyKept(batch):
                return f"body {self._letter(batch.hash)}"

    def message(self, message: Message) -> str:
        """One line for a message."""
        match message:
            case BatchProposal():
                header = message.header
                proof = ", ".join(self._statement(one.statement) for one in message.justification)
                parent = f"slot {header.parent_slot}"
                return (
                    f"BATCH {self._letter(message.hash)} slot {header.slot} after {parent}, "
                    f"{header.count} blocks [{proof}]"
                )
            case OrderingVoteMessage(vote):
                return f"vote {self._statement(vote.statement)}"
            case CertificateMessage(certificate):
                return f"certificate {self._statement(certificate.statement)}"
            case Status():
                shown = [
                    f"d{vote.signer} {self._statement(vote.statement)}" for vote in message.votes
                ]
                shown += [f"C {self._statement(one.statement)}" for one in message.certificates]
                return (
                    f"STATUS log {message.log_length} final {message.final_slot} "
                    f"[{', '.join(shown)}]{' asks' * message.asks}{' shows' * message.shows}"
                )
            case Ask(log_length):
                return f"ASK from {log_length}"
            case Sync():
                closed = "with" if message.certificate else "without"
                letter = self._letter(message.batch.hash)
                return f"SYNC {message.log_index} {letter} {closed} certificate"
            case GetBatch(digest):
                return f"GET {self._letter(digest)}"
            case BatchBody(batch):
                return f"BODY {self._letter(batch.hash)}"
