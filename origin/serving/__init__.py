"""What the listeners share: reading a request into values, admission, faults, observing, sending.

The only room besides `origin.server` that touches aiohttp objects. Handlers below never see a socket.
"""
