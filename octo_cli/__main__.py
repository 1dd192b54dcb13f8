"""Console entry: `octo --version` answers before anything is imported; everything else goes through the door."""

import gc
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
    # Nearly all a command makes is imported and stays to its end. A collector that walks it again and again takes a
    # quarter of the command's time and finds nothing; `session` starts it where work begins that may go on for long.
    gc.disable()
    from octo_cli.cli import run

    status = run(sys.argv[1:])
    # The memory goes back as a whole; the interpreter need not search it for cycles first.
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
