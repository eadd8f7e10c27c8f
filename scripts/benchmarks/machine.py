"""What this machine is and does: cores, load, the time of a synced append, use by processes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from scripts.local_network import LocalMember

MIB = 1_048_576


def environment(folder: Path) -> dict[str, str | int | float]:
    """Facts that figures depend on; `folder` is on the disk the nodes write to."""
    return {
        "cores": os.cpu_count() or 0,
        "load_average_1_min": round(os.getloadavg()[0], 2),
        "memory_mib": psutil.virtual_memory().total // MIB,
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "fdatasync_1_kib_p50_ms": round(synced_append_ms(folder), 3),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def synced_append_ms(folder: Path, times: int = 200) -> float:
    """Median time to append 1 KiB to a file and have it on the disk."""
    path, block, taken = folder / "synced-append", b"\x5a" * 1_024, []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            started = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    path.unlink()
    return median(taken) * 1_000


def synced_write_mb_s(folder: Path, megabytes: int) -> float:
    """MB/s (10^6) of writing a large file once and syncing it."""
    path, block = folder / "synced-write", os.urandom(MIB)
    started = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(megabytes * 1_000_000 // MIB):
            file.write(block)
        os.fsync(file.fileno())
    taken = time.perf_counter() - started
    path.unlink()
    return megabytes / taken


@dataclass(frozen=True, slots=True)
class Use:
    """CPU seconds used so far and memory, by process."""

    cpu_s: tuple[float, ...]
    rss_bytes: tuple[int, ...]
    peak_rss_bytes: tuple[int, ...]

    @property
    def cpu_total_s(self) -> float:
        """CPU seconds of all processes."""
        return sum(self.cpu_s)


def use_of(members: Sequence[LocalMember]) -> Use:
    """What the processes of these members use."""
    cpu, rss, peak = [], [], []
    for member in members:
        if member.process is None:
            raise RuntimeError(f"{member.name} is not running")
        process = psutil.Process(member.process.pid)
        times = process.cpu_times()
        cpu.append(times.user + times.system)
        rss.append(process.memory_info().rss)
        peak.append(_peak_rss(member.process.pid))
    return Use(tuple(cpu), tuple(rss), tuple(peak))


def _peak_rss(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) * 1_024 for line in status.splitlines() if line.startswith("VmHWM")),
        0,
    )
