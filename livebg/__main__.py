"""``python -m livebg``: the command line."""

import sys

from livebg.cli.main import main

sys.exit(main())
