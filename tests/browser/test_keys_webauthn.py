"""Votes by an authenticator, asked for in Chromium: the ledger takes them, and judges alike."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from playwright.async_api import Browser, CDPSession, expect

from medquorum.consensus.admission import judge_vote
from medquorum.ledger.hashing import Kind, preimage
from medquorum.ledger.keys import address_text
from medquorum.ledger.reasons import ACCEPT, Reason, Reject
from medquorum.ledger.signature import verify
from medquorum.ledger.types import Algorithm, BlockType
from medquorum.ledger.vote import parse_vote
from medquorum.ledger.vote_claim import verify_vote
from medquorum.node.accounts import UserRole
from medquorum.node.api.charter_schema import MemberAnswer
from medquorum.node.cli.enrolment_wishes import read_enrolment
from medquorum.node.cli.outcome import CommandError
from tests.audit.test_authenticator_votes import BAD, GOOD
from tests.browser.keys_kit import Desk, PageFault, assert_hidden, desk_of, served
from tests.browser.kit import NAMES, PageOf
from tests.ledger.charter_kit import address_of_name, prove
from tests.node.api.conftest import House
from tests.support.authenticator import Answer, authenticator_vote, enrolment_of
from tests.support.chains import Chain
from tests.support.network import Network, make_network, propose, registration

PLAIN = make_network()
DOCTOR = PLAIN.doctors[0]
OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Bench:
    """A desk with a virtual authenticator, enrolled for the doctor in the charter."""

    desk: Desk
    session: CDPSession
    authenticator: str
    enrolment: dict[str, Any]
    chain: Chain

    @property
    def network(self) -> Network:
        """With the authenticator in its charter."""
        return self.chain.network

    def member(self) -> dict[str, Any]:
        """The doctor as the API answers."""
        charter = self.network.charter
        found = next(one for one in charter.members if one.name == DOCTOR)
        return MemberAnswer.of(found, charter, lambda _: "").model_dump()

    async def vote(self, **changes: Any) -> bytes:
        """An approval of a CT, made by the authenticator."""
        proposal = propose(self.network, self.chain.view, BlockType.CT)
        choice = {
            "proposalBytes": proposal.encoded(),
            "network": self.network.id,
            "id": proposal.id.hex(),
            "decision": "approve",
            "role": "attending",
        } | changes
        body = "m.webauthn.useAuthenticator(v.member); return m.ballot.castVote(v.choice);"
        made: bytes = await self.desk.run(
            "webauthn ballot", body, member=self.member(), choice=choice
        )
        return made


async def authenticator_of(session: CDPSession) -> str:
    """A virtual one that verifies its user."""
    await session.send("WebAuthn.enable")
    added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})
    made: str = added["authenticatorId"]
    return made


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def bench(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    async with served() as url, desk_of(chromium, url) as desk:
        session = await desk.context.new_cdp_session(desk.page)
        authenticator = await authenticator_of(session)
        doctor = {"name": DOCTOR, "address": address_text(address_of_name(DOCTOR), "mqdoc")}
        text = await desk.run(
            "webauthn", "return m.webauthn.enrolAuthenticator(v.doctor);", doctor=doctor
        )
        path = tmp_path_factory.mktemp("enrolment") / "enrolment.json"
        path.write_text(text)
        enrolment = read_enrolment(path)
        members = tuple(
            prove(replace(one, webauthn=enrolment)) if one.name == DOCTOR else one
            for one in PLAIN.charter.members
        )
        chain = Chain(Network(replace(PLAIN.charter, members=members), PLAIN.doctors))
        chain.stage(registration(chain.network))
        chain.close()
        yield Bench(desk, session, authenticator, json.loads(text), chain)


async def test_the_enrolment_is_of_this_page_and_a_p256_key(bench: Bench) -> None:
    """R-CHA9: what the page wrote is what the command line reads."""
    assert bench.enrolment["rp_id"] == "localhost"
    (origin,) = bench.enrolment["origins"]
    assert origin.startswith("http://localhost:")
    assert bench.enrolment["backup"] is False


async def test_a_touch_makes_a_vote_the_ledger_takes(bench: Bench) -> None:
    """R-VOT2, R-VOT6: admitted by consensus, with the signature low-S."""
    vote = parse_vote(await bench.vote())
    assert vote.ballot.algorithm is Algorithm.WEBAUTHN_ES256
    network = bench.network
    core = propose(network, bench.chain.view, BlockType.CT).core
    assert judge_vote(vote, core, network.charter, network.id, verify) == ACCEPT
    member = network.charter.member(vote.ballot.voter)
    assert member is not None
    assert verify_vote(vote, member, network.id)
    spoiled = replace(vote, bundle=vote.bundle.replace(b"webauthn.get", b"webauthn.got"))
    assert judge_vote(spoiled, core, network.charter, network.id, verify) == Reject(
        Reason.BAD_ASSERTION
    )
    plain = PLAIN.charter
    assert judge_vote(vote, core, plain, network.id, verify) == Reject(Reason.WRONG_ALGORITHM)


async def test_it_signs_votes_only_and_only_once_verified(bench: Bench) -> None:
    await bench.vote()
    with pytest.raises(PageFault, match=r"keys\.votes_only"):
        await bench.desk.run("hand", "return m.hand.hand.sign(new Uint8Array(64));")
    await bench.session.send(
        "WebAuthn.setUserVerified",
        {"authenticatorId": bench.authenticator, "isUserVerified": False},
    )
    with pytest.raises(PageFault, match=r"keys\.authenticator_refused"):
        await bench.vote()
    await bench.session.send(
        "WebAuthn.setUserVerified",
        {"authenticatorId": bench.authenticator, "isUserVerified": True},
    )


async def test_another_authenticator_signs_nothing(bench: Bench) -> None:
    """What does not fit the charter's enrolment is refused before it is sent."""
    member = bench.member()
    member["keys"]["webauthn"] = enrolment_of(DOCTOR).key.hex()
    proposal = propose(bench.network, bench.chain.view, BlockType.CT)
    choice = {
        "proposalBytes": proposal.encoded(),
        "network": bench.network.id,
        "id": proposal.id.hex(),
        "decision": "approve",
    }
    body = "m.webauthn.useAuthenticator(v.member); return m.ballot.castVote(v.choice);"
    with pytest.raises(PageFault, match="R-VOT6"):
        await bench.desk.run("webauthn ballot", body, member=member, choice=choice)
    with pytest.raises(PageFault, match=r"keys\.not_enrolled"):
        await bench.desk.run(
            "webauthn ballot", body, member=member | {"webauthn": None}, choice=choice
        )


async def test_the_page_judges_statements_as_the_ledger(bench: Bench) -> None:
    """R-VOT6: every good and every spoiled statement, on both sides of the wire."""
    proposal = propose(PLAIN, bench.chain.view, BlockType.CT)
    answers: list[Answer] = [*GOOD.values(), *(answer for answer, _ in BAD.values())]
    votes = [authenticator_vote(PLAIN, proposal, DOCTOR, answer) for answer in answers]
    cases = [
        {
            "bundle": one.bundle,
            "signature": one.signature,
            "text": preimage(Kind.VOTE, PLAIN.id, one.ballot.encoded()),
        }
        for one in votes
    ]
    body = """return Promise.all(v.cases.map((one) =>
      m.webauthn_rules.verifyAssertion(one, v.enrolment, one.text)));"""
    enrolment = enrolment_of(DOCTOR).as_map()
    judged = await bench.desk.run("webauthn_rules", body, cases=cases, enrolment=enrolment)
    assert judged == [True] * len(GOOD) + [False] * len(BAD)


async def test_the_command_line_reads_no_other_file(bench: Bench, tmp_path: Path) -> None:
    for changes in ({"format": "x"}, {"key": "zz"}, {"more": 1}, {"origins": ["http://a"]}):
        path = tmp_path / "spoiled.json"
        path.write_text(json.dumps(bench.enrolment | changes))
        with pytest.raises(CommandError):
            read_enrolment(path)


async def test_nothing_secret_was_sent(bench: Bench) -> None:
    """The credential's private key is the authenticator's alone; the check has what to look for."""
    found = await bench.session.send(
        "WebAuthn.getCredentials", {"authenticatorId": bench.authenticator}
    )
    (credential,) = found["credentials"]
    encoded = credential["privateKey"].replace("-", "+").replace("_", "/")
    private = load_der_private_key(base64.b64decode(encoded + "=="), None)
    assert isinstance(private, EllipticCurvePrivateKey)
    scalar = private.private_numbers().private_value.to_bytes(32, "big")
    await assert_hidden(bench.desk, scalar)


async def test_the_account_enrols_and_the_vote_asks_for_a_touch(
    house: House, page_of: PageOf, tmp_path: Path
) -> None:
    """The page's own way: the button saves the file, by the page's name and not its number."""
    watched = await page_of(house.base_url.replace("127.0.0.1", "localhost"))
    session = await watched.page.context.new_cdp_session(watched.page)
    await authenticator_of(session)
    await watched.enter(NAMES[UserRole.DOCTOR])
    await watched.page.goto(f"{watched.base_url}/#/account")
    async with watched.page.expect_download() as download:
        await watched.page.get_by_role("button", name="Enrol an authenticator").click()
    path = tmp_path / "enrolment.json"
    await (await download.value).save_as(path)
    assert read_enrolment(path).rp_id == "localhost"


async def test_a_page_without_a_name_says_so(house: House, page_of: PageOf) -> None:
    """R-CHA9: no browser binds a credential to an IP address."""
    watched = await page_of(house.base_url)
    await watched.enter(NAMES[UserRole.DOCTOR])
    await watched.page.goto(f"{watched.base_url}/#/account")
    button = watched.page.get_by_role("button", name="Enrol an authenticator")
    await expect(button).to_be_disabled()
    await expect(watched.page.locator("#authenticator")).to_contain_text("DNS name")
