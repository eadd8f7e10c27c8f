"""What images must be before they become a proposal."""
