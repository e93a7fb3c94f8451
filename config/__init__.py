"""The knobs: default.yaml, the user's file, the environment and flags in; frozen settings out."""
