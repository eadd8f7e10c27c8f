"""What a doctor needs beside the bare findings: what changed, how sure, and why to doubt it."""
