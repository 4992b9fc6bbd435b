"""What Headgate pulls from: an HTTP origin or a bucket, behind one contract in the words of HTTP.

Nothing here caches, and nothing here decides what may be cached. A request never chooses the host.
"""
