"""What the workers of one machine are to each other: a place in a directory of theirs, and a bus without Redis.

The directory is its owner's alone, lives as long as the supervisor of the workers, and holds

    metrics/  what each counts (`origin.telemetry.shared_values`)
    ledger    revocations, first uses, streams (`origin.ledger.workers_ledger`), where there is no Redis
    purges    the purges in force (`origin.storage.purge_file`), unless they lie beside a disk cache
    disk      a link to where bodies lie (`shared_folder`), where no directory is configured
    bus/      a socket of each, where there is no Redis
"""
