"""The names under which tumour volumes by threshold are reported; without one a volume is nothing.

The thresholds themselves, with their sources, are in ``pet_metrics``.
"""

from typing import Final

SUV_2_5: Final = "SUV >= 2.5, components >= 3 mL, physiologic uptake included"
SUV_4: Final = "SUV >= 4.0, components >= 3 mL, physiologic uptake included"
SUV_41_PERCENT: Final = "41 % of SUVmax of each lesion of the model"
SUV_ADAPTIVE: Final = "threshold between background and core of each lesion of the model, for blur"

FIXED_THRESHOLDS: Final = {SUV_2_5: 2.5, SUV_4: 4.0}
"""Method -> SUV of the published comparisons (Boellaard et al. 2024; PMC7139791)."""
