"""What a report's lines say of organs and uptake, and what they leave out."""

from medquorum.ai_entity.findings import Level, ModelFacts, RegionFinding, TumourFindings
from medquorum.ai_entity.tumour.words import tumour_lines
from medquorum.ledger.contents import Conclusion

MODEL = ModelFacts("probe", "1", b"\x01" * 32, b"\x02" * 32, "p/1")


def lines(*regions: str, glycolysis: int | None) -> str:
    clear = (1_000_000, 0, 0, 0)
    found = tuple(RegionFinding(name, Level.NEGATIVE, clear) for name in regions)
    tumour = TumourFindings(0, "voxels", glycolysis, 0, (), found, ())
    return "\n".join(tumour_lines(MODEL, tumour, Conclusion.NEGATIVE, knows_organs=True))


def test_a_limb_is_told_to_have_no_organs() -> None:
    limb = lines("fat", "muscle", "bone", glycolysis=0)
    assert "Lungs not in view" in limb
    assert "Negative: fat, muscle, bone." in limb
    assert "Lungs not in view" not in lines("fat", "muscle", "lungs", glycolysis=0)


def test_a_ct_alone_says_nothing_of_fdg() -> None:
    assert "FDG" not in lines("muscle", glycolysis=None)
    assert "CT alone" in lines("muscle", glycolysis=None)
    assert "FDG" in lines("muscle", glycolysis=0)
