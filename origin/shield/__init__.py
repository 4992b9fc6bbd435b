"""What stands between the gateway and an upstream, so that the upstream is asked as rarely as possible.

`foresight` decides what viewers are going to ask for, `prefetch` has it fetched before they do.
"""
