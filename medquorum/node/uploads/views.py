"""Files of an upload as the API shows them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from medquorum.node.uploads.room import UploadedFile
from medquorum.node.uploads.samples import sample_of


class FileView(BaseModel):
    """One file of an upload, and how much of it is here."""

    file: str
    name: str
    length: int
    received: int


class SampledFileView(FileView):
    """One file with what tells it from another of its name and length."""

    sample: str | None = Field(
        description="SHA-256 of pieces of what is here, in hex; null where nothing is"
    )


class BatchView(BaseModel):
    """An upload."""

    batch: str
    files: list[SampledFileView]
    complete: bool


def file_view(file: UploadedFile) -> FileView:
    """One file as it stands."""
    return FileView(file=file.id, name=file.name, length=file.length, received=file.received)


def sampled_views(files: tuple[UploadedFile, ...]) -> list[SampledFileView]:
    """Files with their samples, but those that are removed meanwhile; blocks."""
    found = []
    for file in files:
        view = file_view(file)
        try:
            sample = sample_of(file.path, view.length, view.received) if view.received else None
        except FileNotFoundError:
            continue
        found.append(SampledFileView(**view.model_dump(), sample=sample))
    return found
