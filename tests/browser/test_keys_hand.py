"""The doctor's hand: a key file opened in the browser, votes the ledger accepts, nothing else out.

The hidden-key check stands here for signing, in the other files for sealing and wallets.
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from medquorum.ledger.keys import Address, Purpose, address_text
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType, Decision, VoterRole
from medquorum.ledger.vote import parse_vote
from medquorum.node.keystore import KeystoreCannotOpen, KeystoreError, KeystoreMisuse
from medquorum.node.page_key_file import open_page_keys, seal_page_keys
from tests.browser.keys_kit import Desk, PageFault, assert_hidden, desk_of, served
from tests.ledger.charter_kit import address_of_name, private_key
from tests.support.chains import grow
from tests.support.network import digest, propose

CHAIN = grow()
NETWORK = CHAIN.network
DOCTOR = NETWORK.doctors[1]
KEY = private_key(DOCTOR, Purpose.CLINICAL)
MEMBER = NETWORK.charter.member(address_of_name(DOCTOR))
PASSPHRASE = "correct horse battery stáple"
REPORT = propose(NETWORK, CHAIN.view, BlockType.REPORT)
PRESCRIPTION = propose(NETWORK, CHAIN.view, BlockType.PRESCRIPTION)

OPEN = "await m.hand.hand.open(v.file, v.passphrase);"
ONCE = "if (!m.hand.hand.isOpen) " + OPEN
VOTE = ONCE + "return m.ballot.castVote(v.choice);"


@pytest.fixture(scope="module")
def key_file() -> str:
    keys = {"clinical": KEY}
    return seal_page_keys(keys, address_of_name(DOCTOR), PASSPHRASE).decode()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def desk(chromium: Browser) -> AsyncIterator[Desk]:
    async with served() as url, desk_of(chromium, url) as opened:
        yield opened


def choice(**changes: Any) -> dict[str, Any]:
    """A vote on the report, as the case view gives it."""
    return {
        "proposalBytes": REPORT.encoded(),
        "network": NETWORK.id,
        "id": REPORT.id.hex(),
        "decision": "approve",
        "grade": 2,
        "role": "attending",
        "comment": digest("comment"),
    } | changes


async def test_votes_made_here_are_the_ledgers(desk: Desk, key_file: str) -> None:
    """R-VOT1, R-SIG2: parsed, field by field what was chosen, and verified."""
    assert MEMBER is not None
    for changes in (
        {},
        {"decision": "reject", "grade": None, "role": "peer", "comment": None},
        {"decision": "abstain", "grade": 4, "role": "delegate"},
    ):
        chosen = choice(**changes)
        made = await desk.run(
            "hand ballot", VOTE, file=key_file, passphrase=PASSPHRASE, choice=chosen
        )
        vote = parse_vote(made)
        assert vote.encoded() == made
        assert (vote.ballot.proposal, vote.ballot.voter) == (REPORT.id, MEMBER.address)
        assert vote.ballot.decision is Decision(chosen["decision"])
        assert vote.ballot.role is VoterRole(chosen["role"])
        assert (vote.ballot.grade, vote.ballot.comment) == (chosen["grade"], chosen["comment"])
        assert verify(MEMBER.keys.clinical, vote.ballot.digest(NETWORK.id), vote.signature)


async def test_what_must_not_be_signed_is_not(desk: Desk, key_file: str) -> None:
    """The id is that of the bytes, the network the node's, a grade a report's."""
    spoiled = bytearray(REPORT.encoded())
    spoiled[40] ^= 1
    refusals: tuple[tuple[str, dict[str, Any]], ...] = (
        ("R-PRO2", choice(id=PRESCRIPTION.id.hex())),
        ("R-PRO1", choice(network=digest("another network"))),
        ("R-", choice(proposalBytes=bytes(spoiled))),
        ("R-CAN", choice(proposalBytes=b"")),
        ("R-VOT4", choice(grade=5)),
        ("R-VOT4", choice(proposalBytes=PRESCRIPTION.encoded(), id=PRESCRIPTION.id.hex())),
        ("R-VOT1", choice(decision="agree")),
        ("R-VOT1", choice(role="operator")),
        ("R-VOT1", choice(comment="a text")),
        ("R-VOT1", choice(comment=bytes(31))),
    )
    for rule, chosen in refusals:
        with pytest.raises(PageFault, match=rule):
            await desk.run("hand ballot", VOTE, file=key_file, passphrase=PASSPHRASE, choice=chosen)


async def test_an_issuer_is_checked_against_the_charter(desk: Desk) -> None:
    """R-BLK2, R-PRO2: role, activity and signature of who issued it."""
    members = [
        {
            "address": member.address,
            "role": member.role.value,
            "active": True,
            "keys": {"clinical": member.keys.clinical.hex()},
        }
        for member in NETWORK.charter.members
    ]
    body = """const proposal = await m.ballot.readProposal(v.bytes, v.network);
      return m.ballot.isIssued(proposal, v.members);"""

    async def issued(encoded: bytes, listed: list[dict[str, Any]]) -> Any:
        return await desk.run("ballot", body, bytes=encoded, network=NETWORK.id, members=listed)

    assert await issued(REPORT.encoded(), members) is True
    asleep = [one | {"active": one["address"] != REPORT.core.issuer} for one in members]
    assert await issued(REPORT.encoded(), asleep) is False
    relabelled = [one | {"role": "laboratory"} for one in members]
    assert await issued(REPORT.encoded(), relabelled) is False
    foreign = REPORT.encoded()[:-64] + PRESCRIPTION.signature
    assert await issued(foreign, members) is False


async def test_the_key_cannot_be_taken_out_and_the_lock_forgets_it(
    desk: Desk, key_file: str
) -> None:
    opened = await desk.run(
        "hand keyfile",
        """const { keys } = await m.keyfile.openKeyFile(v.file, v.passphrase);
           const refused = [];
           for (const form of ["pkcs8", "jwk"]) {
             try { await crypto.subtle.exportKey(form, keys.clinical.privateKey); }
             catch (error) { refused.push(error.name); }
           }
           let changes = 0;
           const stop = m.hand.hand.onChange(() => { changes += 1; });
           await m.hand.hand.open(v.file, v.passphrase);
           const { address, member, isOpen } = m.hand.hand;
           m.hand.hand.lock();
           m.hand.hand.lock();
           stop();
           const after = [m.hand.hand.isOpen, m.hand.hand.address, m.hand.hand.member];
           return { refused, changes, address, text: member.address, isOpen, after };""",
        file=key_file,
        passphrase=PASSPHRASE,
    )
    address = address_of_name(DOCTOR)
    assert opened == {
        "refused": ["InvalidAccessError", "InvalidAccessError"],
        "changes": 2,
        "address": address,
        "text": address_text(Address(address), "mqdoc"),
        "isOpen": True,
        "after": [False, None, None],
    }
    with pytest.raises(PageFault, match=r"keys\.locked"):
        await desk.run("ballot", "return m.ballot.castVote(v.choice);", choice=choice())


async def test_a_ready_digest_is_refused(desk: Desk, key_file: str) -> None:
    """WebCrypto would hash it once more: a signature that nobody can verify."""
    body = ONCE + "return m.hand.hand.sign(v.digest);"
    with pytest.raises(PageFault, match="preimage"):
        await desk.run("hand", body, file=key_file, passphrase=PASSPHRASE, digest=REPORT.id)


def _changed(key_file: str, change: Callable[[dict[str, Any]], object]) -> str:
    fields = json.loads(key_file)
    change(fields)
    return json.dumps(fields)


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "owner": (lambda one: one.update(owner="00" * 32), "wrong_passphrase"),
    "salt": (lambda one: one.update(salt="00" * 16), "wrong_passphrase"),
    "cost": (lambda one: one["kdf"].update(iterations=600_001), "wrong_passphrase"),
    "low cost": (lambda one: one["kdf"].update(iterations=1_000), "file_kdf"),
    "endless cost": (lambda one: one["kdf"].update(iterations=2**31), "file_kdf"),
    "no cost": (lambda one: one.pop("kdf"), "file_kdf"),
    "another purpose": (
        lambda one: one["keys"].update(policy=one["keys"].pop("clinical")),
        "wrong_passphrase",
    ),
    "another key": (
        lambda one: one["keys"]["clinical"].update(public_key="02" + "11" * 32),
        "wrong_passphrase",
    ),
    "another format": (lambda one: one.update(format="medquorum/page-keys/2"), "file_foreign"),
    "no keys": (lambda one: one.update(keys={}), "file_corrupt"),
    "odd digits": (lambda one: one["keys"]["clinical"].update(nonce="abc"), "file_corrupt"),
}


@pytest.mark.parametrize(("change", "key"), SPOILED.values(), ids=SPOILED.keys())
async def test_a_changed_file_opens_nowhere(
    desk: Desk, key_file: str, change: Callable[[dict[str, Any]], object], key: str
) -> None:
    """Every clear field is under the seal; both sides refuse."""
    spoiled = _changed(key_file, change)
    with pytest.raises(PageFault, match=rf"keys\.{key}"):
        await desk.run("hand", OPEN, file=spoiled, passphrase=PASSPHRASE)
    with pytest.raises(KeystoreError):
        open_page_keys(spoiled.encode(), PASSPHRASE)


async def test_passphrases(desk: Desk, key_file: str) -> None:
    """A wrong one opens nothing; one typed in another normal form is the same."""
    for wrong in ("", "correct horse battery staple"):
        with pytest.raises(PageFault, match=r"keys\.wrong_passphrase"):
            await desk.run("hand", OPEN, file=key_file, passphrase=wrong)
        with pytest.raises(KeystoreCannotOpen):
            open_page_keys(key_file.encode(), wrong)
    decomposed = PASSPHRASE.replace("á", "a\u0301")
    await desk.run("hand", OPEN, file=key_file, passphrase=decomposed)
    opened = open_page_keys(key_file.encode(), decomposed)
    assert opened.private_key("clinical").private_numbers() == KEY.private_numbers()
    with pytest.raises(KeystoreMisuse):
        seal_page_keys({"clinical": KEY}, bytes(32), "too short")
    for text in ("", "{}", "[1]", "null", "{" * 70_000):
        with pytest.raises(PageFault, match=r"keys\.file_"):
            await desk.run("hand", OPEN, file=text, passphrase=PASSPHRASE)


async def test_neither_key_nor_passphrase_ever_leaves(desk: Desk, key_file: str) -> None:
    """Runs last: over everything this file's tests made the page do."""
    await desk.run("hand", OPEN, file=key_file, passphrase=PASSPHRASE)
    scalar = KEY.private_numbers().private_value.to_bytes(32, "big")
    await assert_hidden(desk, scalar, PASSPHRASE.encode())
    assert [line for line in desk.written if "Failed to load resource" not in line] == []
