"""Models that a hospital has already: nnU-Net exports and MONAI bundles, run by their own plan.

No code of either is run and none of their packages is needed: what their JSON declares is
translated once, by ``adopt``, into one small plan on the model's card (``plan``), and whatever the
translation does not know is refused by name.
"""
