"""Console entry: `octo --version` answers before anything is imported; everything else goes through the door."""

import os
import sys

from octo_cli import __version__


def main() -> None:
    """Run the command line and end the process with its exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"octo {__version__}")  # noqa: T201
        return
    # LangGraph and LangSmith read these when they are first imported.
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    from octo_cli.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
