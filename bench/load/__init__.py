"""The load generator: a process of its own (``python -m bench.load JOB``), as cheap as possible for each request.

Requests are encoded before the clock starts, and sockets are read and written without an event loop between
(`bench.load.driver`). The two protocols (`bench.load.http1`, `bench.load.http2`) read no more of an answer than it
takes to know that it is complete and that its status is good; a sample is verified afterwards.
"""
