"""Monitoring: a schedule, then retrieve, transform and check, store, as steps that are restarted apart."""
