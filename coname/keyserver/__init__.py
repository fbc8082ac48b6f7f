"""The replica: state machine, epochs, lookups, admission of updates.

Nothing here opens files or sockets: the store, the log and the clock are given.
"""
