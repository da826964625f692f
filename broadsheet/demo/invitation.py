"""What the demo says when it is done and goes on: where to look, and what to try."""

from __future__ import annotations

from rich.console import Console

from broadsheet.demo import setting


def invite(console: Console, base_url: str, mailbox_url: str, newsroom_url: str, way_in: str) -> None:
    shelf, sign_up = f"{base_url}/archive/{setting.SLUG}", f"{base_url}/n/{setting.SLUG}"
    pages = (
        ("Console", way_in),
        ("Sign-up page", f"{sign_up}/en"),
        ("  in Arabic", f"{sign_up}/ar"),
        ("  in Kurdish", f"{sign_up}/ckb"),
        ("Archive", f"{shelf}/en"),
        ("Issue no. 1", f"{shelf}/en/1"),
        ("Mailbox", mailbox_url),
        ("The newsroom", f"{newsroom_url}/news/tavgah-pumping-station"),
    )
    tries = (
        "The console's link signs you in as the newsroom's owner. It works once and for a day; it shows a button first.",
        "Sign up with any address: nothing leaves this machine, and the mail comes to the mailbox page.",
        "Open the mail there, press its button, then the one on the page: a welcome follows.",
        "Press “Unsubscribe in one click” above an issue, as a mail program does, and look at the answer.",
        "Tell the mailbox to refuse an address, sign up with it, and watch that no mail arrives.",
    )
    console.print("\nThe service goes on. Look around:")
    for label, url in pages:
        console.print(f"  {label:<14} {url}")
    console.print("\nThings to try:")
    for number, sentence in enumerate(tries, start=1):
        console.print(f"  {number}. {sentence}")
    console.print("\nCtrl+C ends it.")
