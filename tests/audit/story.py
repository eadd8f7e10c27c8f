"""One consultation that has everything in it."""

from .builder import Ledger
from .primitives import provenance


def consultation(ledger: Ledger | None = None) -> Ledger:
    """Two patients, every type, a rejected AI report, a skip, an empty batch, a late finality."""
    made = ledger or Ledger()
    made.append(made.core("medical_form", "hospital", None), "hospital")
    made.append(made.core("prescription", "doctor-0", 1), "doctor-0")
    made.close()
    image = made.append(made.core("ct", "radiologist", 1), "radiologist")
    scored = made.core(
        "report", "ai_entity", 1, references=[image.hash], ai=provenance([image.hash])
    )
    graded = {"decision": "reject", "grade": 4}
    against = {"doctor-0": graded, "doctor-1": "approve", "doctor-2": graded}
    made.append(scored, "ai_entity", outcome="rejected", decisions=against)
    made.append(made.core("report", "doctor-1", 1, references=[image.hash]), "doctor-1")
    made.close(skipped=1, final=False)
    made.close()
    made.append(made.core("pet", "hospital", 1, seen_head=image.hash), "hospital")
    result = made.core("test_result", "laboratory", 1)
    made.append(result, "laboratory", decisions={"doctor-0": "approve", "doctor-1": "approve"})
    made.close(final=False)
    made.append(made.core("medical_form", "doctor-3", None), "doctor-3")
    film = {
        "doctor-1": {"mode": "policy:xray-quality"},
        "doctor-2": "abstain",
        "doctor-0": "approve",
        "doctor-3": "approve",
    }
    made.append(made.core("xray", "radiologist", 2), "radiologist", decisions=film)
    made.close()
    return made
