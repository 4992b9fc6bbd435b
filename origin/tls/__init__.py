"""TLS of a listener: certificates in files, contexts made of them, and which one a client is shown.

Lives here: what a ClientHello asks for, what a certificate is good for, how a handshake failed. May not: accept
connections, or know settings and metrics; `origin/server/tls` does the one, and is told the others.
"""
