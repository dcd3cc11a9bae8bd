"""What a user writes: functions of events, what they may return, and how they are registered."""
