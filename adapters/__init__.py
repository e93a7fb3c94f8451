"""One file per engine, named after the package it wraps; the only files that may import that package."""
