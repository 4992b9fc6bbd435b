"""The public listener: GET, HEAD and OPTIONS below the mounts, and the few well-known paths beside them.

A handler here reads like its sentence: find the mount, admit, name the target, answer. It awaits stores, the
cache and the ledger; every rule it applies is a pure function of another room or of `lifetimes` and `propagation`.
"""
