"""Passwords of the node's users: Argon2id, one at a time, and few wrong guesses per minute.

Cost per OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane. Nineteen MiB times many
parallel logins would be a denial of service by itself, so one worker hashes and a bounded
number may wait.
"""

import asyncio
import re
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB: Final = 19_456
ITERATIONS: Final = 2
LANES: Final = 1

T = TypeVar("T")

PASSWORD_MIN_CHARACTERS: Final = 12
PASSWORD_LIMIT_BYTES: Final = 1_024

WAITING_LIMIT: Final = 32
"""Logins waiting for the worker, about three seconds; beyond it PasswordsBusy."""

CLIENT_PREFIX: Final = 64
"""Bits of an IPv6 address that name a network; the rest is the client's to choose (RFC 4291)."""

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9])"
    r"\$[A-Za-z0-9+/]{22,86}\$[A-Za-z0-9+/]{43,86}"
)
_MEMORY_LIMIT_KIB: Final = 262_144
_ITERATIONS_LIMIT: Final = 10


class PasswordRefused(ValueError):
    """A new password breaks a rule, which the message names."""


class PasswordsBusy(Exception):
    """Too many logins wait; answer 503 and ask to try again."""


def hash_password(password: str) -> str:
    """Return a PHC string for a new password; PasswordRefused when too short or too long."""
    encoded = _encoded(password)
    if len(unicodedata.normalize("NFC", password)) < PASSWORD_MIN_CHARACTERS:
        raise PasswordRefused(f"a password needs at least {PASSWORD_MIN_CHARACTERS} characters")
    if len(encoded) > PASSWORD_LIMIT_BYTES:
        raise PasswordRefused(f"a password has at most {PASSWORD_LIMIT_BYTES} bytes")
    kdf = Argon2id(
        salt=secrets.token_bytes(16),
        length=32,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(encoded)


def verify_password(password: str, stored_phc: str) -> bool:
    """Compare in constant time; a stored string of another shape or absurd cost is False."""
    encoded = _encoded(password)
    if len(encoded) > PASSWORD_LIMIT_BYTES or not _cost_is_bearable(stored_phc):
        return False
    try:
        Argon2id.verify_phc_encoded(encoded, stored_phc)
    except (InvalidKey, ValueError):
        return False
    return True


def needs_rehash(stored_phc: str) -> bool:
    """True when a string was made with another cost than today's: hash again at next login."""
    return not stored_phc.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={ITERATIONS},p={LANES}$")


def _cost_is_bearable(stored_phc: str) -> bool:
    shape = _PHC.fullmatch(stored_phc)
    if shape is None:
        return False
    memory_kib, iterations, lanes = (int(number) for number in shape.groups())
    return memory_kib <= _MEMORY_LIMIT_KIB and iterations <= _ITERATIONS_LIMIT and lanes <= 4


def _encoded(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", errors="surrogatepass")


class PasswordWorker:
    """Hashes and verifies in one thread of its own."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0
        # Compared with when the account does not exist, so that both answers take as long.
        self._nobody = hash_password(secrets.token_hex(32))

    async def hash(self, password: str) -> str:
        """`hash_password` away from the event loop; also PasswordsBusy."""
        return await self._run(lambda: hash_password(password))

    async def verify(self, password: str, stored_phc: str | None) -> bool:
        """`verify_password` away from the loop; None (no such account) is False, as slowly."""
        matches = await self._run(lambda: verify_password(password, stored_phc or self._nobody))
        return matches and stored_phc is not None

    async def close(self) -> None:
        """End the thread."""
        await asyncio.to_thread(self._executor.shutdown, wait=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_LIMIT:
            raise PasswordsBusy("too many logins at once; try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1


def login_source(address: str) -> str:
    """What an address's logins are counted by: of IPv6 its /64, of all else the text itself.

    A client of IPv6 has 2^64 addresses of her own; counted one by one she would have no limit.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), CLIENT_PREFIX), strict=False))


@dataclass(slots=True)
class LoginLimiter:
    """Counts login attempts per account (or per client address, in a second instance).

    Pure: the caller hands in `now_ms`, from a clock that never steps back. Call `attempt` before
    hashing, so that parallel guesses count too, and `record_success` after a right password.
    Unknown accounts are counted like known ones, so they cannot be told apart.
    """

    attempts: int = 5
    """Attempts per window without a success: five guesses a minute find no password."""
    window_ms: int = 60_000
    accounts: int = 10_000
    """Accounts remembered; the one longest without an attempt is forgotten first. Filling the
    table takes more hashing time than a window lasts."""
    _attempted_at_ms: OrderedDict[str, tuple[int, ...]] = field(default_factory=OrderedDict)

    def attempt(self, account: str, now_ms: int) -> int:
        """Count an attempt and return 0, or return how many ms to wait and count nothing."""
        attempted = self._attempted_at_ms.get(account, ())
        recent = tuple(at_ms for at_ms in attempted if at_ms > now_ms - self.window_ms)
        if len(recent) >= self.attempts:
            return recent[0] + self.window_ms - now_ms
        self._attempted_at_ms[account] = (*recent, now_ms)
        self._attempted_at_ms.move_to_end(account)
        if len(self._attempted_at_ms) > self.accounts:
            self._attempted_at_ms.popitem(last=False)
        return 0

    def record_success(self, account: str) -> None:
        """Forget an account's attempts."""
        self._attempted_at_ms.pop(account, None)
