"""Servers that are measured, each configured as its own users would in production, access log on for all."""
