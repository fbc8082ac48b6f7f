"""Which requests a web page of somebody else's has made.

A browser shows a client certificate by itself, to whomever a page has it send a request. So a certificate says who sits
before the browser, and not that they have meant to send this. Browsers say which page a request comes from (``Origin``,
RFC 6454; ``Sec-Fetch-Site``, Fetch Metadata), and no page can have them say something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.errors import NotPermitted

if TYPE_CHECKING:
    from coname.protocols.http_exchange import RequestHeaders

OURS = (b"same-origin", b"none")
"""What ``Sec-Fetch-Site`` says of a page of this very front, and of no page at all."""


def check_own_page(headers: RequestHeaders) -> None:
    """Raise `NotPermitted` if a browser says that a page which is not this front's has sent the request.

    Programs say nothing of the kind, and may send what they like.
    """
    origins, sites, hosts = (headers.getRawHeaders(name) for name in (b"Origin", b"Sec-Fetch-Site", b"Host"))
    own = [b"https://" + host.lower() for host in hosts]
    if any(site not in OURS for site in sites) or any(origin.lower() not in own for origin in origins):
        raise NotPermitted(
            "a web page of somebody else's has sent this with your client certificate; nothing was registered"
        )
