"""What the demo's readers do, over HTTP and by reading their mail, as anybody would."""

from __future__ import annotations

import re
from email.message import EmailMessage
from html.parser import HTMLParser

import httpx2

from broadsheet.demo.people import Person


class DemoFailed(Exception):  # noqa: N818 - it is the demo's end, not an error in it
    """Something that a reader did had no effect; the text says what."""


class Visitor:
    """A browser without script and cookies."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def sign_up(self, page: str, person: Person) -> None:
        """Fill in the box on the sign-up page and send it."""
        form = await self._form(page)
        await self._send(form, {"email": person.address})

    async def confirm(self, mail: EmailMessage) -> None:
        """Follow the link of a confirmation mail and press its button."""
        form = await self._form(link_in(mail, "/confirm/"))
        await self._send(form, {})

    async def unsubscribe_with_one_click(self, mail: EmailMessage) -> None:
        """What a mail client's own button does (RFC 8058): one POST, no cookie, no page."""
        offered = re.search(r"<(https?://[^>]+)>", str(mail["List-Unsubscribe"]))
        if offered is None or mail["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
            raise DemoFailed("The digest offers no one-click unsubscribe.")
        response = await self._client.post(offered[1], data={"List-Unsubscribe": "One-Click"})
        if response.status_code != 200:
            raise DemoFailed(f"One-click unsubscribe was answered with {response.status_code}.")

    async def _form(self, url: str) -> Form:
        response = await self._client.get(url)
        if response.status_code != 200:
            raise DemoFailed(f"{url.split('/')[3]}: the page was answered with {response.status_code}.")
        return Form.read(response.text, str(response.url))

    async def _send(self, form: Form, typed: dict[str, str]) -> None:
        response = await self._client.post(form.action, data={**form.fields, **typed})
        if response.status_code != 200:
            raise DemoFailed(f"A form was answered with {response.status_code}.")


class Form(HTMLParser):
    """The first form that posts on a page, with what its hidden fields hold."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.action = url
        self.fields: dict[str, str] = {}
        self._inside = False
        self._done = False

    @classmethod
    def read(cls, html: str, url: str) -> Form:
        form = cls(url)
        form.feed(html)
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and not self._done and (given.get("method") or "").lower() == "post":
            self._inside = True
            self.action = str(httpx2.URL(self.action).join(given.get("action") or ""))
        elif tag == "input" and self._inside and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._inside:
            self._inside, self._done = False, True


def link_in(mail: EmailMessage, path: str) -> str:
    """The first link of the text part that leads to `path`."""
    part = mail.get_body(("plain",))
    found = re.search(rf"https?://\S+{re.escape(path)}\S+", part.get_content() if part else "")
    if found is None:
        raise DemoFailed(f"The mail {mail['Subject']!r} has no link to {path}.")
    return found[0]
