"""The fronts: what speaks to the network. They decode and bound requests, ask an `IKeyserver`, and encode the answer.

Each front is a Twisted service. Its rules are the same everywhere:

- nothing is opened, and no thread started, before ``startService``;
- ``stopService`` stops accepting at once, lets what was asked be answered within a bounded time, then closes;
- whatever a client sends is bounded in size, in time and in number;
- an error becomes an answer in one place of each front, from `coname.errors`' table alone; an error that is in no
  table is logged with its traceback, and the client learns only that it happened.
"""
