"""Many accounts of one API, each with a session of its own."""
