"""Findings with what a later study needs to find the same places."""

from dataclasses import replace

from medquorum.ai_entity.explain.landmarks import make_landmarks
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.tumour.grid import GridImages


def with_landmarks(findings: Findings, images: GridImages) -> Findings:
    """``findings`` whose overlay carries the landmarks of ``images``; an abstention as it is."""
    if findings.overlay is None:
        return findings
    landmarks = make_landmarks(images.hu, images.affine, images.frame)
    return replace(findings, overlay=replace(findings.overlay, landmarks=landmarks))
