"""A model in use: three services behind one workflow, a shadow model, and a log that is down for a while."""
