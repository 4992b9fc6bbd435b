"""What the nodes of a fleet tell each other through Redis.

Each module says how it does without: a node that is alone, or whose Redis is away, keeps serving.
"""
