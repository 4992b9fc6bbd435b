"""What a service manager tells a service, and hears from it: sockets, readiness, reloads, a watchdog.

Lives here: the words of sd_listen_fds(3) and sd_notify(3), which are environment variables and datagrams. May not: know
what is served. Without a service manager nothing here does anything.
"""
