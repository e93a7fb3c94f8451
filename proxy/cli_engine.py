"""The commands around the local engine."""

import argparse


def build_llama(chosen: argparse.Namespace) -> int:
    """Build and install llama.cpp; the options are those of ``adapters/llama_build.py``."""
    from adapters.llama_build import main

    return main(chosen.rest)
