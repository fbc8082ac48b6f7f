"""What ``BROWSER`` names in place of a browser: logs in at an address, as a person would.

Usage: python human.py TRUST NAME ADDRESS. TRUST is the PEM file of whom to trust.
"""

from __future__ import annotations

import sys

from tests.oidc.browser import Browser


def main() -> None:
    trust, name, address = sys.argv[1:]
    browser = Browser(trust)
    page = browser.go_on(browser.log_in(address, name))
    print(page.address, page.status, page.text, file=sys.stderr)


if __name__ == "__main__":
    main()
