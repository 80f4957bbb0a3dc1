"""Studies of section 11.3.5: Adam and its relatives (CL-64 … CL-69)."""
