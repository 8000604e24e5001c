"""`python -m counterseal` is the command line."""

from counterseal.server.cli.main import main

if __name__ == "__main__":
    main()
