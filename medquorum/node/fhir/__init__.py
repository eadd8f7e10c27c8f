"""A patient's record as FHIR R4 resources: plain JSON, one way, nothing read back."""
