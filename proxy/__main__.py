"""``python -m proxy``: the same as the command ``memos``."""

from proxy.cli import main

raise SystemExit(main())
