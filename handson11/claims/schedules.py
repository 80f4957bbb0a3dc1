"""Studies of section 11.3.6: learning-rate schedules (CL-70 … CL-73)."""
