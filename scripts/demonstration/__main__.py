"""Run the demonstration: `scripts/demo --help`."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys

from medquorum.ai_entity.errors import AnalysisError
from medquorum.node.image_archive import ImagesUnusable
from scripts.demonstration.arguments import parse
from scripts.demonstration.cast import PATIENCE_S, Cast
from scripts.demonstration.closing import close
from scripts.demonstration.commands import CommandFailed
from scripts.demonstration.governance import GovernanceStory
from scripts.demonstration.images import Chosen, Images, gather_images
from scripts.demonstration.learning import LearningStory
from scripts.demonstration.report import Ending, write_report
from scripts.demonstration.staying import stay_up
from scripts.demonstration.story import Story
from scripts.demonstration.timeline import Timeline
from scripts.local_network import LocalNetwork, local_network


def main() -> int:
    """Run; 0 when everything held, 1 otherwise, 2 for unusable arguments or images."""
    chosen = parse(sys.argv[1:])
    timeline = Timeline()
    shutil.rmtree(chosen.folder, ignore_errors=True)
    chosen.folder.mkdir(mode=0o700, parents=True)
    images = None
    if not (chosen.governance or chosen.learning):
        images = _images(timeline, chosen)
        if images is None:
            return 2
    network = local_network(chosen.folder / "network")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        _start(network, timeline)
        ending = asyncio.run(_play(network, timeline, images, chosen))
        if not chosen.headless:
            stay_up(network, timeline)
    except (RuntimeError, TimeoutError, CommandFailed) as error:
        timeline.console.print(f"[bold red]The demonstration stopped:[/] {_why(error)}")
        return 1
    finally:
        network.stop()
    return 0 if ending.equal and ending.audit["result"] == "VALID" else 1


def _why(error: Exception) -> str:
    """A time limit says nothing by itself."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"a step took longer than {PATIENCE_S:.0f} s; try again when the machine is quieter"
    return str(error)


def _images(timeline: Timeline, chosen: argparse.Namespace) -> Images | None:
    """The images of both consultations; None, with the reason told, when they are unusable."""
    try:
        with timeline.working("images are made ready"):
            return gather_images(
                Chosen(chosen.ct, chosen.pet, chosen.xray), chosen.folder / "images"
            )
    except (ImagesUnusable, AnalysisError, OSError) as error:
        timeline.console.print(f"[bold red]These images cannot be used:[/] {error}")
        return None


def _start(network: LocalNetwork, timeline: Timeline) -> None:
    timeline.heading("A network of eight institutions and doctors, each a process of its own")
    with timeline.working("keys, charter, signatures"):
        charter = network.prepare(timeline.note)
    tolerance = charter.tolerance
    timeline.note(
        f"charter of {charter.name!r}: {tolerance.n} doctors, {charter.ordering.mode.value}, "
        f"q = {tolerance.q}; {tolerance.liars_for_safety} may lie, "
        f"{tolerance.absences_for_liveness} may be away"
    )
    network.start()
    with timeline.working("eight nodes start"):
        network.wait_ready()
    timeline.note("eight nodes listen: " + ", ".join(one.name for one in network.members))


async def _play(
    network: LocalNetwork, timeline: Timeline, images: Images | None, chosen: argparse.Namespace
) -> Ending:
    if network.charter is None:
        raise RuntimeError("prepare the network first")
    cast = Cast(network, network.charter)
    await cast.enter()
    try:
        told = None
        if chosen.learning:
            await LearningStory(cast, timeline, chosen.folder).play()
        elif images is None:
            await GovernanceStory(cast, timeline, chosen.folder).play()
        else:
            network.start_ai()
            story = Story(cast, timeline, images, chosen.folder)
            await story.tumour()
            await story.fracture()
            told = story.told
            if not chosen.headless:
                await story.leave_open()
        ending = await close(cast, timeline, chosen.folder)
        if chosen.report is not None and told is not None:
            await write_report(chosen.report, cast, told, ending)
            timeline.note(f"report written to {chosen.report}")
    finally:
        await cast.leave()
    if chosen.picture is not None:
        timeline.picture(chosen.picture, "Medquorum demonstration")
    return ending


if __name__ == "__main__":
    sys.exit(main())
