"""An archive of cases means one thing: no array stands in it twice."""

import zipfile
from pathlib import Path

import pytest

from medquorum.ai_entity.case_archive import CaseArchive
from medquorum.ai_entity.errors import CaseArchiveError
from tests.ai_entity.test_evaluation import made_case, write


@pytest.mark.parametrize("name", ["a_suv.npy", "a_suv"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "cases.npz", made_case("a"))
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(name, packed.read("a_suv.npy"))
    with pytest.raises(CaseArchiveError, match="have one name"):
        CaseArchive(path)
