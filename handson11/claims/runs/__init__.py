"""What the studies run: functions from a configuration of plain data to measurements."""
