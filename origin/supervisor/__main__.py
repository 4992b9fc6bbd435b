"""`python -m origin.supervisor PLAN COMMAND…`: what `headgate serve` becomes when workers are wanted."""

from origin.supervisor.program import main

if __name__ == "__main__":
    main()
