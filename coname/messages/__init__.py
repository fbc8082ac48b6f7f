"""The protocol's messages, compiled from the ``.proto`` files beside this one (``make messages``).

A field that is signed or hashed is declared ``bytes``, so that it is kept exactly as it was received: parsing and
serialising a protobuf again need not give the same bytes. On the wire, and in protobuf's JSON, such a field is
identical to the nested message that the comment beside it names.
"""
