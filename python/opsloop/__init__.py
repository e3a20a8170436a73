"""opsloop: an autonomous ops loop that lives in PostgreSQL."""
