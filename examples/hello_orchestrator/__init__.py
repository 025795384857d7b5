"""The orchestrator-worker program: five tasks in a pool, and the same after a kill."""
