"""What a network on one machine takes from it: ports, the cost of its keys, processes that end."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from medquorum.node.cli import member_home
from medquorum.node.keystore import KdfCost, KdfLimits

LIGHT_COST: Final = KdfCost(
    memory_kib=KdfLimits().memory_kib[0],
    iterations=KdfLimits().iterations[0],
    lanes=KdfLimits().lanes[0],
)
"""The least a node opens: a fifth of the usual cost."""
PORTS: Final = range(18_000, 32_000)
"""Below those that systems give to outgoing connections, so that no link takes a listener's."""


@contextmanager
def key_cost(cost: KdfCost) -> Iterator[None]:
    """Make keys at another cost meanwhile."""
    before = member_home.KDF_COST
    member_home.KDF_COST = cost
    try:
        yield
    finally:
        member_home.KDF_COST = before


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process and of everything it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # It ended by itself, and its children with it.
    process.wait()


def unused_ports(count: int) -> list[int]:
    """Ports nobody listens on, in no order that another network would choose as well."""
    free: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                free.append(port)
        if len(free) == count:
            return free
    raise RuntimeError("no free ports on this machine; end other networks first")


def listens(port: int) -> bool:
    """Whether somebody answers on a local port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
