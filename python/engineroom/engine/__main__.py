"""`python -m engineroom.engine`"""

import sys


def main() -> int:
    from engineroom.engine.app import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
