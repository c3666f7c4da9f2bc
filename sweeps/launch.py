"""`python sweeps/launch.py`: the command line is sweeps/cli/launch.py. The code beside this file is what runs."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from sweeps.cli.launch import main

    sys.exit(main())
