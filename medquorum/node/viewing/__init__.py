"""Images as a page shows them: slices in order, in HU or SUV, decoded by a limited child."""
