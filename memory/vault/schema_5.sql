-- Shares whose time is over, found without reading the others: see memory/vault/sweeping.py.

CREATE INDEX IF NOT EXISTS grants_due ON grants (expires_at) WHERE expires_at IS NOT NULL;
