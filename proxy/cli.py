"""The command line in, an exit status out. Each command is a function in a ``cli_*.py`` file, imported when chosen.

Exit status: 0 done, 1 it could not be done, 2 the command line or the configuration cannot be used.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    parser = _parser()
    chosen, rest = parser.parse_known_args(arguments)
    if rest and not getattr(chosen, "takes_rest", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    chosen.rest = rest
    if not hasattr(chosen, "run"):
        chosen.parser.print_help()
        return 2
    return _guarded(chosen)


def _guarded(chosen: argparse.Namespace) -> int:
    module, _, function = chosen.run.partition(":")
    from config.layers import ConfigError
    from memory.errors import MemoryFault

    try:
        command: Callable[[argparse.Namespace], int] = getattr(import_module(module), function)
        return command(chosen)
    except ConfigError as error:
        print("The configuration cannot be used:", *error.problems, sep="\n  ", file=sys.stderr)
        return 2
    except MemoryFault as error:
        print(f"memos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memos", description="An OpenAI-compatible inference proxy with memory.")
    parser.set_defaults(parser=parser)
    parser.add_argument(
        "--version",
        action="store_const",
        dest="run",
        const="proxy.cli_config:version",
        default=argparse.SUPPRESS,
        help="print the version",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_serve(commands)
    _add_keys(commands)
    _add_checks(commands)
    _add_vault(commands)
    _add_ab(commands)
    _add_spaces(commands)
    _add_audit(commands)
    _add_activation(commands)
    _add_engine(commands)
    return parser


def _command(commands: Commands, name: str, run: str, text: str, *, settings: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[:1].upper() + text[1:] + "."
    )
    parser.set_defaults(run=run, parser=parser)
    if settings:
        parser.add_argument("--config", type=Path, metavar="FILE", help="a YAML file shaped like config/default.yaml")
        parser.add_argument("--data", metavar="DIR", help="the data folder (default: ./data)")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="set any key of the configuration, e.g. scheduler.top_k=4; may be repeated",
        )
    return parser


def _add_serve(commands: Commands) -> None:
    serve = _command(commands, "serve", "proxy.cli_serve:serve", "start the proxy")
    serve.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default: 8000; 0: any free one)")
    model = serve.add_mutually_exclusive_group()
    model.add_argument("--upstream", metavar="URL", help="any OpenAI-compatible server, e.g. http://localhost:11434/v1")
    model.add_argument("--model", metavar="FILE.gguf", help="a GGUF file, run here by llama.cpp")
    model.add_argument("--hf", metavar="DIR", help="a Hugging Face model folder, run here by transformers")
    model.add_argument("--backend", metavar="KIND", help="a backend by its name, e.g. embedded or echo")
    _add_engine_options(serve)
    serve.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
    serve.add_argument("--failpoint", metavar="NAME:HIT", help=argparse.SUPPRESS)  # for crash tests: it dies there


def _add_engine_options(command: argparse.ArgumentParser) -> None:
    """How a local model is run; llama.cpp's own names."""
    group = command.add_argument_group("the local model (the embedded one, --model or --hf)")
    group.add_argument(
        "-c", "--ctx-size", metavar="TOKENS", help="context of all requests together (default: by file and memory)"
    )
    group.add_argument("-t", "--threads", metavar="N", help="threads that compute (default: cores minus one)")
    group.add_argument(
        "-ngl", "--gpu-layers", "--n-gpu-layers", metavar="N", help="layers on the GPU; -1: all (default: 0)"
    )
    group.add_argument("-b", "--batch-size", metavar="TOKENS", help="chunk of a long prompt (default: 512)")
    group.add_argument("--kv-type", metavar="TYPE", help="f16, f32, bf16, q8_0 or q4_0 (default: f16)")


def _add_keys(commands: Commands) -> None:
    keys = commands.add_parser("keys", help="make, list and revoke API keys")
    keys.set_defaults(parser=keys)
    actions = keys.add_subparsers(title="actions", metavar="ACTION")
    create = _command(actions, "create", "proxy.cli_keys:create", "make a key and show it, once")
    create.add_argument("name", metavar="NAME", help="what it is called in lists; need not be unique")
    create.add_argument("--assert-users", action="store_true", help="the key may name the user in each request")
    create.add_argument("--admin", action="store_true", help="the key may read the audit log of all users")
    create.add_argument("--user", metavar="USER", help="an existing user, e.g. to replace a key (default: a new one)")
    create.add_argument("--json", action="store_true", help='print {"key", "id", "user"}')
    listing = _command(actions, "list", "proxy.cli_keys:list_keys", "list keys, without the secret part")
    listing.add_argument("--json", action="store_true")
    revoke = _command(actions, "revoke", "proxy.cli_keys:revoke", "revoke a key, at once")
    revoke.add_argument("id", metavar="ID", help="as `memos keys list` shows it")


def _add_checks(commands: Commands) -> None:
    check = _command(
        commands, "check-config", "proxy.cli_config:check_config", "print every setting and where it is from"
    )
    check.add_argument("--json", action="store_true")
    doctor = _command(commands, "doctor", "proxy.cli_doctor:doctor", "check this installation and say how to mend it")
    doctor.add_argument("--json", action="store_true")
    _command(commands, "version", "proxy.cli_config:version", "print the version", settings=False)


def _add_vault(commands: Commands) -> None:
    _command(
        commands, "reembed", "proxy.cli_vault:reembed", "embed every memory that the present embedder has not embedded"
    )
    queue = commands.add_parser("queue", help="show turns that could not be remembered, and try them again")
    queue.set_defaults(parser=queue)
    actions = queue.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(actions, "list", "proxy.cli_vault:queue_list", "list turns that wait or failed")
    listing.add_argument("--json", action="store_true")
    retry = _command(actions, "retry", "proxy.cli_vault:queue_retry", "queue dead turns again")
    retry.add_argument("ids", nargs="*", metavar="ID", help="turns; none: all dead ones")


def _add_ab(commands: Commands) -> None:
    ab = _command(
        commands, "ab", "proxy.cli_ab:ab", "compare policies on turns that were recorded, without touching users"
    )
    ab.add_argument(
        "configs", nargs="*", metavar="CONFIG", help="a YAML file of a policy, or the name of a shipped one"
    )
    ab.add_argument("--policy", action="append", default=[], metavar="NAME", help="a shipped policy; may be repeated")
    ab.add_argument("--user", metavar="USER", help="whose turns (default: of the user who has most)")
    ab.add_argument("--turns", type=int, metavar="N", help="ask about the last N turns; those before are only written")
    ab.add_argument("--json", action="store_true")
    ab.epilog = (
        "One user's recorded turns are replayed, for each policy into an empty memory in a temporary folder; the vault "
        "is only read, and no model answers. Before a turn is written, the policy says what it would bring in. Of a "
        "policy's file, scheduler and operator count. Without a name, the shipped policies from lru to learned are "
        "compared with the live one. found: of the memories, those that the policy found for the turn; the others are "
        "the profile. support: which share of the words that are in the recorded answer, neither in the question nor "
        "in the conversation before it, stands in what is brought in. The recorded answers were written with the "
        "memories that the live policy brought in, so support favours the live policy: hold the others against each "
        "other. like live: how much of what either of the two brings in both do (Jaccard). Memories that were written "
        "by hand, documents and what others share are not in the ledger, and so not in the comparison."
    )


def _add_audit(commands: Commands) -> None:
    audit = commands.add_parser("audit", help="prove the audit log, read it, check watermarks")
    audit.set_defaults(parser=audit)
    actions = audit.add_subparsers(title="actions", metavar="ACTION")
    verify = _command(actions, "verify", "proxy.cli_audit:verify_chain", "prove that the audit log is whole; 1 if not")
    verify.add_argument("--head", metavar="HEX", help="a head that you kept: the chain must still have it")
    verify.add_argument("--json", action="store_true")
    head = _command(actions, "head", "proxy.cli_audit:head", "print the newest link of the chain, to be kept elsewhere")
    head.add_argument("--renew", action="store_true", help="begin a new anchor, e.g. when a backup was restored")
    head.add_argument("--json", action="store_true")
    log = _command(actions, "log", "proxy.cli_audit:log", "show who did what and when, newest first")
    log.add_argument("--since", metavar="TIME", help="ISO 8601, or an age such as 24h or 7d")
    log.add_argument("--until", metavar="TIME", help="before this time")
    log.add_argument("--operation", action="append", default=[], metavar="NAME", help="e.g. erase; may be repeated")
    log.add_argument("--kind", metavar="KIND", help="about plaintext, activation or parametric memories")
    log.add_argument("--key", metavar="ID", help="what this key did")
    log.add_argument("--user", metavar="USER", help="about this user's memory (default: all, by pseudonyms)")
    log.add_argument("--limit", type=int, default=100, metavar="N", help="so many lines (default: 100)")
    log.add_argument("--json", action="store_true", help="one JSON object per line")
    mark = _command(actions, "watermark", "proxy.cli_audit:watermark", "say of memories in a file where they are from")
    mark.add_argument("file", metavar="FILE.jsonl", help="an export, or memories as the API gives them; -: from stdin")
    mark.add_argument("--json", action="store_true", help="one JSON object per line")


def _add_spaces(commands: Commands) -> None:
    spaces = commands.add_parser("spaces", help="show what users share with each other, and end it")
    spaces.set_defaults(parser=spaces)
    actions = spaces.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(actions, "list", "proxy.cli_spaces:list_spaces", "list all spaces")
    listing.add_argument("--json", action="store_true")
    members = _command(actions, "members", "proxy.cli_spaces:members", "list who belongs to a space")
    members.add_argument("id", metavar="ID", help="as `memos spaces list` shows it")
    members.add_argument("--json", action="store_true")
    delete = _command(actions, "delete", "proxy.cli_spaces:delete", "end a space; the memories stay their owners'")
    delete.add_argument("id", metavar="ID", help="as `memos spaces list` shows it")


def _add_activation(commands: Commands) -> None:
    activation = commands.add_parser("activation", help="show and drop what a local model keeps computed of memories")
    activation.set_defaults(parser=activation)
    actions = activation.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(actions, "ls", "proxy.cli_activation:list_activations", "list activation memories")
    listing.add_argument("--user", metavar="USER", help="only this user's")
    listing.add_argument("--json", action="store_true")
    drop = _command(actions, "drop", "proxy.cli_activation:drop", "drop activation memories; chats read the text again")
    drop.add_argument("digests", nargs="*", metavar="DIGEST", help="as `memos activation ls` shows it")
    drop.add_argument("--user", metavar="USER", help="all of this user; with DIGEST: only if they are this user's")
    drop.add_argument("--all", action="store_true", help="all of everybody; alone")


def _add_engine(commands: Commands) -> None:
    engine = _command(commands, "engine", "proxy.cli_engine:engine", "serve a local model by itself, without memory")
    model = engine.add_mutually_exclusive_group()
    model.add_argument("--model", metavar="FILE.gguf", help="a GGUF file (default: the embedded demonstration model)")
    model.add_argument("--hf", metavar="DIR", help="a Hugging Face model folder, run by transformers")
    where = engine.add_mutually_exclusive_group()
    where.add_argument("--uds", metavar="PATH", help="a Unix socket to listen on")
    where.add_argument("--port", type=int, help="a TCP port to listen on")
    engine.add_argument("--host", help="address for --port (default: 127.0.0.1)")
    _add_engine_options(engine)
    build = commands.add_parser("build-llama", help="build and install llama.cpp for this machine", add_help=False)
    build.set_defaults(run="proxy.cli_engine:build_llama", takes_rest=True)
