"""Load against running servers: Headgate and its peers side by side."""
