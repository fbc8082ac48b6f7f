"""An identity provider's metadata as it is now: asked for when it is needed, and again from time to time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from coname.errors import Unavailable
from coname.oidc.cached import Cached, Fresh
from coname.oidc.freshness import lifetime
from coname.registration.saml_metadata import IdentityProvider, MetadataInvalid, parse

FILE_SECONDS = 10.0
"""Seconds after which a file is read again: an operator has exchanged it and tries."""

FILE_BYTES = 4 * 1024 * 1024
"""The largest file that is read. A country's federation has more: take the one provider out of it."""


class Fetcher(Protocol):
    """What asks over the network (`coname.oidc.fetching.Fetcher`)."""

    async def get(self, url: str) -> Any: ...


class Metadata:
    """The metadata of one provider.

    :param fetch: gets the document, and for how many seconds it may be used.
    :param entity_id: which provider in it, or empty.
    """

    def __init__(
        self, where: str, fetch: Callable[[], Awaitable[Fresh[bytes]]], entity_id: str, clock: IReactorTime
    ) -> None:
        self._where = where
        self._fetch = fetch
        self._entity_id = entity_id
        self._parsed: tuple[bytes, IdentityProvider] | None = None  # the last document, and what it says
        self._cached = Cached(f"the metadata at {where}", self._read, clock)

    async def get(self, now: float) -> IdentityProvider:
        """The provider.

        :param now: seconds since 1970.
        :raises Unavailable: its metadata cannot be had, or has ended.
        """
        return self._still_valid(await self._cached.get(), now)

    async def renewed(self, now: float) -> IdentityProvider:
        """The same, asked for anew: it may have another key now.

        :raises Unavailable: also if that was done a moment ago.
        """
        return self._still_valid(await self._cached.renewed(), now)

    async def _read(self) -> Fresh[IdentityProvider]:
        fresh = await self._fetch()
        if self._parsed is None or self._parsed[0] != fresh.value:
            try:
                self._parsed = fresh.value, parse(fresh.value, self._entity_id)
            except MetadataInvalid as error:
                raise Unavailable(f"the metadata at {self._where} is wrong: {error}") from error
        return Fresh(self._parsed[1], fresh.lifetime)

    def _still_valid(self, provider: IdentityProvider, now: float) -> IdentityProvider:
        if provider.valid_until is not None and now >= provider.valid_until:
            raise Unavailable(f"the metadata at {self._where} has ended; its operator must renew it")
        return provider


def at_address(url: str, fetcher: Fetcher, entity_id: str, clock: IReactorTime) -> Metadata:
    """The metadata that is published at `url`."""

    async def fetch() -> Fresh[bytes]:
        answer = await fetcher.get(url)
        return Fresh(answer.body, lifetime(answer.headers))

    return Metadata(url, fetch, entity_id, clock)


def in_file(path: Path, entity_id: str, clock: IReactorTime) -> Metadata:
    """The metadata in a file, read again when it may have changed."""

    async def fetch() -> Fresh[bytes]:
        try:
            with path.open("rb") as file:
                data = file.read(FILE_BYTES + 1)
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
        if len(data) > FILE_BYTES:
            raise Unavailable(f"{path} has more than {FILE_BYTES} bytes")
        return Fresh(data, FILE_SECONDS)

    return Metadata(str(path), fetch, entity_id, clock)
