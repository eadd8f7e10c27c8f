"""A whole network on this machine: keys, ceremony, homes, one process per member.

The ceremony is the real one: every member makes its keys and its request, the charter is built
from `network.toml`, everybody signs. Used by the demonstration, the bench and the tests.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from medquorum.ledger.ceremony import CharterFile, encode_request, sign_charter
from medquorum.ledger.charter import Charter
from medquorum.ledger.charter_source import CharterSource, MemberSource, parse_charter_source
from medquorum.ledger.founding import build_charter
from medquorum.ledger.member import Member
from medquorum.ledger.types import Role
from medquorum.node.account_records import UserRole
from medquorum.node.accounts import create_operator_token
from medquorum.node.cli.member_home import MemberHome
from medquorum.node.cli.passphrases import clinical_passphrase, node_passphrase
from medquorum.node.client import NodeClient
from medquorum.node.config import write_default_config
from medquorum.node.keystore import KdfCost
from medquorum.node.private_files import write_private_file
from scripts.local_machine import LIGHT_COST, key_cost, kill_group, listens, unused_ports

REPOSITORY: Final = Path(__file__).resolve().parent.parent
NETWORK_SOURCE: Final = REPOSITORY / "network.toml"
READY_SECONDS: Final = 180.0
USER_ROLES: Final = {
    Role.HOSPITAL: UserRole.CLERK,
    Role.LABORATORY: UserRole.LABORATORY,
    Role.RADIOLOGIST: UserRole.RADIOLOGIST,
    Role.DOCTOR: UserRole.DOCTOR,
    Role.AI_ENTITY: UserRole.AI_ENTITY,
}
"""Who works with a member's node."""

Say = Callable[[str], None]


@dataclass(slots=True)
class LocalMember:
    """One member with its folder, ports and process."""

    source: MemberSource
    home: Path
    p2p_port: int
    api_port: int
    process: subprocess.Popen[bytes] | None = None
    restarted: bool = False
    starts: int = 0

    @property
    def name(self) -> str:
        """The name in the charter."""
        return self.source.name

    @property
    def role(self) -> Role:
        """The role in the charter."""
        return self.source.role

    @property
    def url(self) -> str:
        """Where this node's API answers."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def token(self) -> str:
        """The operator's token."""
        return (self.home / "operator.token").read_text().strip()

    @property
    def keys(self) -> MemberHome:
        """The folder of keys with its passphrases."""
        return MemberHome(
            self.home,
            node_passphrase(self.home / "passphrase"),
            clinical_passphrase(self.home / "clinical-passphrase"),
        )

    def client(self) -> NodeClient:
        """A client of this node as its operator."""
        return NodeClient(self.url, self.token)

    @property
    def user_token(self) -> Path:
        """The file with the token of `add_user`."""
        return self.home / "user.token"

    async def add_user(self) -> NodeClient:
        """Make the user who works here, with a token in a file; a client as that user."""
        role = USER_ROLES[self.role]
        async with self.client() as operator:
            await operator.add_user(role.value.replace("_", "-"), role)
            token = await operator.new_token(role.value.replace("_", "-"), label="local network")
        write_private_file(self.user_token, token.encode(), replace=True)
        return NodeClient(self.url, token)


@dataclass(slots=True)
class LocalNetwork:
    """The members of one local network; `prepare` it once, then start and stop processes."""

    folder: Path
    source: CharterSource
    members: list[LocalMember]
    charter: Charter | None = None
    environment: dict[str, str] = field(default_factory=dict)
    services: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def member(self, name: str) -> LocalMember:
        """One member by name."""
        return next(member for member in self.members if member.name == name)

    def of_role(self, role: Role) -> list[LocalMember]:
        """The members of a role."""
        return [member for member in self.members if member.role is role]

    @property
    def doctors(self) -> list[LocalMember]:
        """The doctors in the order of network.toml."""
        return self.of_role(Role.DOCTOR)

    @property
    def charter_path(self) -> Path:
        """The signed charter file."""
        return self.folder / "charter.bin"

    def prepare(self, say: Say = lambda _: None, *, light_keys: bool = False) -> Charter:
        """Keys, requests, charter, signatures, homes: everything but the processes.

        With `light_keys` passphrases are stretched as little as a node still accepts: for networks
        that live for minutes.
        """
        with key_cost(LIGHT_COST if light_keys else KdfCost()), ThreadPoolExecutor(2) as threads:
            say(f"keys and requests of {len(self.members)} members")
            requests = list(threads.map(_make_request, self.members))
            charter = build_charter(self.source, requests)
            say(f"charter built; every member signs (q = {charter.quorum})")
            signed = threads.map(
                lambda member: sign_charter(charter, *member.keys.clinical_signer()), self.members
            )
            ordered = tuple(sorted(signed, key=lambda one: one.address))
        content = CharterFile(charter, ordered).encoded()
        self.charter_path.write_bytes(content)
        for member in self.members:
            (member.home / "charter.bin").write_bytes(content)
        self.charter = charter
        return charter

    def join(self, name: str, role: Role, *, light_keys: bool = False) -> tuple[LocalMember, Path]:
        """A newcomer with keys, home and the founding charter, and the path of its request.

        The request is still to be admitted; its node may be started before or after.
        """
        p2p_port, api_port = unused_ports(2)
        source = MemberSource(name, role, f"127.0.0.1:{p2p_port}")
        member = LocalMember(source, self.folder / _slug(name), p2p_port, api_port)
        with key_cost(LIGHT_COST if light_keys else KdfCost()):
            request = _make_request(member)
        path = member.home / f"{_slug(name)}.request"
        path.write_bytes(encode_request(request))
        (member.home / "charter.bin").write_bytes(self.charter_path.read_bytes())
        self.members.append(member)
        return member, path

    def start(self, members: Sequence[LocalMember] | None = None) -> None:
        """Start processes; `wait_ready` waits for them."""
        for member in self.members if members is None else members:
            log = (member.home / "node.log").open("ab")
            command = [sys.executable, "-m", "medquorum", "start", "--home", str(member.home)]
            member.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | self.environment,
                process_group=0,
            )
            log.close()
            member.starts += 1
            member.restarted = member.starts > 1

    def start_ai(self, models: Path | None = None) -> None:
        """Start the AI entity's service beside its node, as the user `add_user` made.

        It runs the models of its own folder, else those shipped.
        """
        for member in self.of_role(Role.AI_ENTITY):
            command = [sys.executable, "-m", "medquorum", "ai", "serve"]
            options = ["--node", member.url, "--token-file", str(member.user_token)]
            options += [] if models is None else ["--models", str(models)]
            with (member.home / "ai.log").open("ab") as log:
                service = subprocess.Popen(
                    [*command, *options],
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    process_group=0,
                )
            self.services.append(service)

    def wait_ready(self, members: Sequence[LocalMember] | None = None) -> None:
        """Wait until every API answers; RuntimeError with the end of the log otherwise."""
        deadline = time.monotonic() + READY_SECONDS
        for member in self.members if members is None else members:
            while not listens(member.api_port):
                ended = member.process is None or member.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(f"{member.name} did not start:\n{log_tail(member)}")
                time.sleep(0.05)

    def kill(self, member: LocalMember) -> None:
        """kill -9: as in a power loss of that machine's process."""
        if member.process is not None:
            kill_group(member.process)

    def stop(self) -> None:
        """Ask every process to end, then make sure; what they started ends with them."""
        for service in self.services:
            kill_group(service)
        self.services.clear()
        alive = [m for m in self.members if m.process is not None and m.process.poll() is None]
        for member in alive:
            if member.process is not None:
                member.process.send_signal(signal.SIGTERM)
        for member in alive:
            if member.process is not None:
                try:
                    member.process.wait(10)
                except subprocess.TimeoutExpired:
                    self.kill(member)


def log_tail(member: LocalMember) -> str:
    """The last lines a node logged."""
    log = member.home / "node.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""


def local_network(
    folder: Path, *, source: Path = NETWORK_SOURCE, free_ports: bool = False
) -> LocalNetwork:
    """A network of the members of a charter source, in an empty folder.

    With `free_ports` every member gets ports nobody listens on, so that several networks fit on
    one machine; otherwise those of the source.
    """
    text = source.read_text(encoding="utf-8")
    parsed = parse_charter_source(text)
    first_api = int(tomllib.loads(text).get("demo", {}).get("api_first_port", 7700))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = unused_ports(2 * len(parsed.members)) if free_ports else None
    members = []
    for index, member in enumerate(parsed.members):
        p2p_port, api_port = int(member.endpoint.rpartition(":")[2]), first_api + index
        if ports is not None:
            p2p_port, api_port = ports[2 * index], ports[2 * index + 1]
        moved = replace(member, endpoint=f"127.0.0.1:{p2p_port}")
        members.append(LocalMember(moved, folder / _slug(member.name), p2p_port, api_port))
    sources = tuple(member.source for member in members)
    return LocalNetwork(folder, replace(parsed, members=sources), members)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _make_request(member: LocalMember) -> Member:
    member.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("passphrase", "clinical-passphrase"):
        write_private_file(member.home / name, secrets.token_urlsafe(24).encode(), replace=False)
    member.keys.create(member.role, with_policy=False)
    config = member.home / "node.toml"
    write_default_config(
        config,
        moniker=member.name,
        p2p_listen=f"127.0.0.1:{member.p2p_port}",
        api_listen=f"127.0.0.1:{member.api_port}",
    )
    text = config.read_text().replace("# passphrase_file =", "passphrase_file =")
    config.write_text(text)
    create_operator_token(member.home / "operator.token")
    return member.keys.request(member.name, member.role, member.source.endpoint)
