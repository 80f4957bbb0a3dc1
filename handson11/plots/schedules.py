"""The figures of section 11.3.6: schedules and the range test."""
