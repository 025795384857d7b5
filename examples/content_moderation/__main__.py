"""`python -m examples.content_moderation URL` crawls and rates that site; without a URL it runs the demo."""

from __future__ import annotations

import sys

from .cli import main
from .demo import main as demo

if __name__ == "__main__":
    sys.exit(main() if sys.argv[1:] else demo())
