"""`python -m node.cli`: the same as the command `varhaven`."""

from node.cli import main

if __name__ == "__main__":
    main()
