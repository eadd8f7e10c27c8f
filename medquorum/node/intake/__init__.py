"""What images must be before they become a proposal, checked in a child process (R-BOD10)."""
