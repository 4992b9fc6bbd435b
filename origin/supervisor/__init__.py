"""Several workers on one port: started, watched, replaced and ended by one small process.

Lives here: `crew` decides when a worker starts, retires or is killed (values only, no clock); `supervise` is the thin
shell around it, with sockets, signals and children; `handover` and `plan` are the words between a supervisor and its
children. May not: import what serves requests, nor the settings. It outlives reloads, in which workers come from fresh
interpreters with new code and a new configuration, and it is what must never fail. So it learns the settings from a
child, too.
"""
