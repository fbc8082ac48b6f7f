"""``twistd coname``: a replica of a key directory."""

from twisted.application.service import ServiceMaker

keyserver = ServiceMaker("coname", "coname.service", "Run a replica of a coname key directory.", "coname")
