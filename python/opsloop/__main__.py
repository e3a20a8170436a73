"""`python -m opsloop`: the command line."""

from opsloop.cli import main

if __name__ == "__main__":
    main()
