"""What the gateway says about itself: metrics, one access line per request, the process log.

Lives here: every metric's declaration, what may never be logged and how it is taken out, and the writers. May
not: know HTTP servers, stores or settings. Nothing here may fail a request or make it wait: what cannot be
written is dropped and counted.
"""
