"""What touches the world: HTTP, storage, processes, telemetry. The version lives here, nothing else."""

__version__ = "0.1.0"
