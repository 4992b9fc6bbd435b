"""Names of media things: what a URL path asks for, and what kind of object that is.

May not: touch a store, a clock or a socket. Imports nothing of ours.
"""
