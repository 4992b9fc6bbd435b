"""The process: event loop, listeners, signals, drain.

Knows aiohttp's servers and the finished object graph; decides nothing about requests.
"""
