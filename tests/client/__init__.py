"""Tests of the client. They run on Twisted; what is said about asyncio runs in processes of its own."""

import txaio

txaio.use_twisted()
