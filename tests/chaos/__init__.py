"""Chaos: a fleet at work, faults drawn from a seed, and a witness that does not ask the database."""
