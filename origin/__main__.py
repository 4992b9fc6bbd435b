"""`python -m origin` is the console command `headgate`."""

from origin.cli import main

if __name__ == "__main__":
    main()
