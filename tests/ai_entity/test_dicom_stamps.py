"""Identifiers and times of DICOM results: derived, the same for the same, still in agreement."""

from pydicom.dataset import Dataset, FileDataset

from medquorum.ai_entity.dicom_stamps import RANDOM_ROOT, UNKNOWN_TIME, settle


def source(**fields: str) -> FileDataset:
    dataset = FileDataset("source", {})
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = f"{RANDOM_ROOT}7", "1.2.3"
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    return dataset


def made(number: str, refers_to: str) -> Dataset:
    """An object with the random identifier ``number`` that refers to another and to the source."""
    found = Dataset()
    found.SOPInstanceUID = f"{RANDOM_ROOT}{number}"
    found.InstanceCreationDate, found.InstanceCreationTime = "20261123", "101112"
    tool, told = Dataset(), Dataset()
    tool.ContributionDateTime = "20261123101112"
    found.ContributingEquipmentSequence = [tool]
    told.ReferencedSOPInstanceUID = f"{RANDOM_ROOT}{refers_to}"
    image = Dataset()
    image.ReferencedSOPInstanceUID = f"{RANDOM_ROOT}7"
    found.ReferencedImageSequence = [told, image]
    return found


def test_random_identifiers_are_replaced_alike_wherever_they_stand() -> None:
    pairs = [(made("41", "52"), made("52", "41")), (made("63", "74"), made("74", "63"))]
    for pair in pairs:
        settle(pair, [source()], "seed")
    (left, right), (other, _) = pairs
    assert left == other
    assert left.SOPInstanceUID == right.ReferencedImageSequence[0].ReferencedSOPInstanceUID
    assert right.SOPInstanceUID == left.ReferencedImageSequence[0].ReferencedSOPInstanceUID
    assert left.SOPInstanceUID != right.SOPInstanceUID
    assert left.ReferencedImageSequence[1].ReferencedSOPInstanceUID == f"{RANDOM_ROOT}7"
    another = made("41", "52")
    settle([another], [source()], "another seed")
    assert another.SOPInstanceUID != left.SOPInstanceUID


def test_times_are_the_sources_and_never_the_clocks() -> None:
    study = source(StudyDate="20050702", StudyTime="0959")
    series = source(StudyDate="20050702", SeriesDate="20050703", SeriesTime="101112.345")
    for given, expected in (
        (study, ("20050702", "095900")),
        (series, ("20050703", "101112")),
        (source(), UNKNOWN_TIME),
    ):
        one = made("41", "52")
        settle([one], [given], "seed")
        assert (one.ContentDate, one.ContentTime) == expected
        assert one.ContributingEquipmentSequence[0].ContributionDateTime == "".join(expected)
        assert "InstanceCreationDate" not in one
        assert "InstanceCreationTime" not in one
