"""Handlers of the API, by what they show or do, and the shapes of what they answer."""
