"""Bringing an address before a person: in a browser window where there is a desktop, and in words in any case."""

from __future__ import annotations

import os
import sys
import webbrowser
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import click

from coname.oidc.claims import login_code


def show(address: str, open_window: bool) -> None:
    """Say where to log in, on standard error, whole and on a line of its own; and open a window there.

    :param open_window: if there is a desktop to open it on.
    """
    opening = open_window and _has_desktop()
    where = "A browser window opens; if none does, go to" if opening else "Go to"
    click.echo(f"{where} this address in a browser on this machine, and log in:\n\n{address}\n", err=True)
    query = dict(parse_qsl(urlsplit(address).query))
    if query.get("nonce"):
        code = login_code(query["nonce"])
        click.echo(f"In the end it asks whether it was you, and has to show this code: {code}\n", err=True)
    port = query.get("port")
    if port and os.environ.get("SSH_CONNECTION"):
        hint = f"ssh -L {port}:127.0.0.1:{port} HOST"
        click.echo(f"For a browser on the machine that you sit at, forward the port first: {hint}\n", err=True)
    if opening:
        # In a thread: some browsers are waited for until they end.
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_desktop() -> bool:
    """Whether a browser would come up in a window, rather than in this very terminal."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return named or sys.platform == "darwin"
