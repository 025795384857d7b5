"""Agents and sagas: a model plans, a person approves, orders are served on AWS or undone."""
