"""The admin listener: /metrics, /healthz, /readyz. Never public."""
