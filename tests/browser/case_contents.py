"""Contents of structured parts as a hospital would have them, and as an attacker would."""

from typing import Any

ORGANS = (
    ("lungs", "Metastasis", (40_000, 90_000, 150_000, 720_000)),
    ("liver", "Tumor+", (120_000, 210_000, 560_000, 110_000)),
    ("muscle", "Tumor", (180_000, 610_000, 160_000, 50_000)),
    ("spleen", "Negative", (968_000, 20_000, 8_000, 4_000)),
    ("kidneys", "Negative", (981_000, 11_000, 5_000, 3_000)),
    ("heart", "Negative", (992_000, 5_000, 2_000, 1_000)),
    ("gut", "Negative", (940_000, 40_000, 15_000, 5_000)),
    ("bone", "Negative", (973_000, 15_000, 8_000, 4_000)),
)
LESIONS = (
    (1, "lungs", (12_000, -40_000, 90_000), 18_420, 11_800, 9_300, 930_000),
    (2, "liver", (40_000, 10_000, 60_000), 6_120, 7_400, 6_100, 810_000),
    (3, "muscle", (-60_000, 20_000, 30_000), 2_380, 5_200, 4_300, 620_000),
)
BINS = (
    (36, 60_000, 40_000),
    (52, 190_000, 230_000),
    (40, 420_000, 380_000),
    (33, 710_000, 640_000),
    (61, 930_000, 900_000),
)


REACHES = {1: ["liver", "muscle"], 2: ["lungs"]}


def _lesion(number: int, region: str, centre: tuple[int, ...], *measures: int) -> dict[str, Any]:
    volume, highest, peak, probability = measures
    return {
        "number": number,
        "region": region,
        "centroid_um": list(centre),
        "volume_ul": volume,
        "suv_max_milli": highest,
        "suv_peak_milli": peak,
        "glycolysis_milli": volume * 5,
        "probability_ppm": probability,
        "reaches": REACHES.get(number, []),
    }


def _measure(before: int, now: int) -> dict[str, int]:
    return {"before": before, "now": now}


CHANGES = {
    "previous_report": "ab" * 32,
    "days": 92,
    "same_model": True,
    "same_modality": True,
    "placement": {
        "alignment": "registered",
        "reason": "Shifted by 12 mm; likeness 0.91.",
        "shift_um": [0, 0, 12_000],
        "likeness_ppm": 910_000,
    },
    "total_tumour_volume_ul": _measure(19_800, 26_920),
    "total_lesion_glycolysis_milli": _measure(120_000, 171_000),
    "hottest_suv_max_milli": _measure(9_100, 11_800),
    "hottest_suv_peak_milli": _measure(7_700, 9_300),
    "lesions": [
        {"fate": "new", "region": "liver", "numbers": [2], "numbers_before": []},
        {"fate": "persists", "region": "lungs", "numbers": [1], "numbers_before": [1]},
        {"fate": "vanished", "region": "bone", "numbers": [], "numbers_before": [2]},
    ],
    "levels": [{"region": "liver", "before": "Negative", "now": "Tumor+"}],
    "by_percist": "progressive",
    "by_eortc": "progressive",
}
CARD = {
    "paragraph": "medquorum-tumour-petct 2 is a machine's opinion and not for clinical use. "
    "Built as: 3-D multi-task network. Trained on 41 patients with soft-tissue sarcoma and 900 "
    "drawn phantoms. Tested on real patients: 10 patients, mean Dice 0.61 (95 % interval 0.48 to "
    "0.72). Tested on phantoms: mean Dice 0.79.",
    "limits": [
        "Not for clinical use.",
        "Lesions below 0.5 mL are mostly missed.",
        "The brain is not judged.",
    ],
    "reliability": {
        "on": "10 held-out patients, voxels with uptake",
        "bins": [{"count": n, "stated_ppm": s, "observed_ppm": o} for n, s, o in BINS],
    },
}


def _machine(kind: str, **findings: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "machine_generated": True,
        "model_name": "organ lesions",
        "model_version": "1.0",
        "model_digest": "00" * 32,
        "training_digest": "00" * 32,
        "preprocessing": "1",
        "confidence_ppm": 912_000,
        "abstained": None,
        "changes": None,
        "scores_ppm": {},
        "tumour": None,
        "fracture": None,
        **findings,
    }


def tumour_report() -> dict[str, Any]:
    """A machine's report on a PET/CT."""
    tumour = {
        "total_tumour_volume_ul": 26_920,
        "volume_method": "network, threshold 0.5",
        "total_lesion_glycolysis_milli": 171_000,
        "lesion_count": 4,
        "lesions": [_lesion(*one) for one in LESIONS],
        "regions": [
            {"region": r, "level": level, "probabilities_ppm": list(p)} for r, level, p in ORGANS
        ],
        "comparison_volumes_ul": {"SUV >= 4.0": 31_200, "41 % of SUVmax": 22_450},
    }
    return {
        "author_kind": "machine",
        "conclusion": "tumour",
        "findings": _machine("tumour", tumour=tumour, changes=CHANGES, model_card=CARD),
        "next_step": "treatment",
        "text": "Tumour in lungs, liver and muscle.\nTotal tumour volume 26.9 mL by the network.",
    }


def film_report() -> dict[str, Any]:
    """A machine's report on an X-ray."""
    fracture = {
        "probability_ppm": 873_000,
        "edge_density_ppm": 61_000,
        "contour_count": 4,
        "fracture_area_ppm": 18_000,
        "score_milli": 11_900,
        "severity_milli": 2_900,
        "severity": "moderate",
        "healing_weeks_low": 4,
        "healing_weeks_high": 8,
        "advice": "Splint or cast, no load; pain relief as the doctor prescribes.",
        "referral": "Orthopaedic surgeon within two days.",
        "boxes": [[30, 30, 20, 12]],
        "rule_probability_ppm": 640_000,
        "network_probability_ppm": 905_000,
        "threshold_ppm": 412_000,
    }
    return {
        "author_kind": "machine",
        "conclusion": "fracture",
        "findings": _machine("fracture", fracture=fracture, model_card=CARD),
        "next_step": "treatment",
        "text": "A fracture is likely.",
    }


FORM = {
    "anamnesis": "Swelling of the left thigh for four months, night pain.\nWeight loss 4 kg.",
    "observed_at_ms": 1_790_000_000_000,
    "signs": [
        {"code": "body_temperature", "unit": "degC", "value_milli": 38_600},
        {"code": "heart_rate", "unit": "/min", "value_milli": 92_000},
        {"code": "systolic_pressure", "unit": "mmHg", "value_milli": 128_000},
        {"code": "diastolic_pressure", "unit": "mmHg", "value_milli": 81_000},
        {"code": "oxygen_saturation", "unit": "%", "value_milli": 91_000},
        {"code": "body_weight", "unit": "kg", "value_milli": 71_300},
    ],
}
RESULTS = {
    "collected_at_ms": 1_790_000_000_000,
    "specimen": "serum",
    "results": [
        {
            "analyte": "Lactate dehydrogenase",
            "flag": "high",
            "reference_high_milli": 250_000,
            "reference_low_milli": 135_000,
            "unit": "U/L",
            "value_milli": 412_000,
        },
        {
            "analyte": "Creatinine",
            "flag": "normal",
            "reference_high_milli": 104_000,
            "reference_low_milli": 59_000,
            "unit": "umol/L",
            "value_milli": 78_000,
        },
        {
            "analyte": "Haemoglobin",
            "flag": "low",
            "reference_high_milli": 175_000,
            "reference_low_milli": 135_000,
            "unit": "g/L",
            "value_milli": 118_000,
        },
    ],
}
PRESCRIPTION = {
    "kind": "treatment",
    "lines": [
        {
            "text": "Doxorubicin 75 mg/m2",
            "instruction": "Day 1 of 21, six cycles; echocardiography before.",
        },
        {"text": "Dexrazoxane", "instruction": "10:1, thirty minutes before."},
    ],
}
PAYLOADS = (
    "<script>globalThis.broken = 1</script>",
    "<img src=x onerror='globalThis.broken = 1'>",
    '"><svg onload=globalThis.broken=1>',
    "javascript:globalThis.broken=1",
    "{name} ${globalThis.broken=1} {{7*7}}",
    "<iframe srcdoc='<script>parent.broken=1</script>'>",
    "'-globalThis.broken=1-'",
    "<a href='javascript:globalThis.broken=1'>x</a>",
    "</textarea><script>globalThis.broken=1</script>",
    "\u202e<b onmouseover=globalThis.broken=1>",
)


def poisoned(value: Any, count: list[int] | None = None) -> Any:
    """The same content with every free text replaced by a payload; closed words stay."""
    counter = [0] if count is None else count
    closed = {
        "author_kind",
        "conclusion",
        "next_step",
        "level",
        "kind",
        "code",
        "unit",
        "flag",
        "fate",
        "by_percist",
        "by_eortc",
    }
    if isinstance(value, dict):
        return {
            name: one if name in closed else poisoned(one, counter) for name, one in value.items()
        }
    if isinstance(value, list):
        return [poisoned(one, counter) for one in value]
    if isinstance(value, str):
        counter[0] += 1
        return PAYLOADS[counter[0] % len(PAYLOADS)]
    return value
