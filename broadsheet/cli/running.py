"""`serve`, `worker`, `inbox`, `demo`, `health`: the commands that run something."""

from __future__ import annotations

import asyncio
import logging
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated

import structlog
import typer

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.environment import unknown_variables
from broadsheet.settings import load
from ground.engine import WorkLane


def add_to(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(worker)
    app.command()(inbox)
    app.command()(demo)
    app.command()(health)


def serve(
    *,
    dev: Annotated[bool, typer.Option("--dev", help="Add the local mailbox and send all mail there.")] = False,
    host: Annotated[str | None, typer.Option(help="The address to bind.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to bind.")] = None,
    work: Annotated[
        bool, typer.Option("--work/--no-work", help="Without: pages only, beside `broadsheet worker`.")
    ] = True,
) -> None:
    """Run the web server, the scheduler and the workers in this process."""
    from broadsheet import logs, serving

    over = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load(**over)
    logs.configure(settings.log_format)
    _warn_of_unknown_variables()
    asyncio.run(serving.serve(settings, development=dev, works=work))


def worker(
    *,
    processes: Annotated[int, typer.Option(min=1, help="How many send: one for each core is enough.")] = 1,
    lanes: Annotated[str, typer.Option(help="What it works on, separated by commas.")] = ",".join(WorkLane),
) -> None:
    """Run workers without the web, on this or any machine; one PostgreSQL database is what they share."""
    from broadsheet import logs, working

    settings = load()
    asked = _lanes(lanes)
    logs.configure(settings.log_format)
    _warn_of_unknown_variables()
    asyncio.run(working.work(settings, asked, processes))


def _lanes(text: str) -> list[WorkLane]:
    named = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in named if name not in list(WorkLane)]
    if wrong or not named:
        answers.refuse(
            f"{wrong[0] if wrong else text!r} is no lane. Name some of {', '.join(WorkLane)}, separated by commas."
        )
    return [lane for lane in WorkLane if lane in named]


def _warn_of_unknown_variables() -> None:
    unknown = unknown_variables()
    if unknown:
        structlog.get_logger().warning("settings.unknown", variables=unknown)


def inbox(
    *,
    port: Annotated[int | None, typer.Option(help="The SMTP port; the page is on the next one.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where mails are kept; data_dir/mailbox.")] = None,
    maildir: Annotated[Path | None, typer.Option(help="Where reports of bounces are written; bounces_maildir.")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="'refuse gone@x.example 550 5.1.1 No such user', 'bounce late@x.example 5.1.1', 'defer ...'"),
    ] = None,
) -> None:
    """Run the local mailbox alone: a mail server that keeps all it accepts, and a page to read it."""
    from broadsheet import logs, serving

    settings = load(**({} if port is None else {"mailbox_port": port}))
    logs.configure(settings.log_format)
    asyncio.run(
        serving.mailbox_alone(
            folder or settings.data_dir / "mailbox",
            maildir or settings.bounces_maildir,
            rule or [],
            host=settings.mailbox_host,
            port=settings.mailbox_port,
        )
    )


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print the summary and exit.")] = False,
    folder: Annotated[Path, typer.Option(help="Where everything is kept; emptied first.")] = Path("var/demo"),
    port: Annotated[int, typer.Option(help="The web server's port; another one when it is taken.")] = 8000,
) -> None:
    """Run all of it for real on this machine: a sample newsroom, its readers, an issue, a bounce, an unsubscribe."""
    from broadsheet import logs
    from broadsheet.demo import story

    logs.configure("console", least=logging.WARNING)
    _empty(folder)
    raise typer.Exit(asyncio.run(story.run(folder, once=once, port=port)))


def health(*, as_json: AsJson = False) -> None:
    """Ask the running service whether it is ready. Exit code 1 when it is not."""
    settings = load()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - asked, not bound
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/readyz"
    request = urllib.request.Request(url, headers={"Host": "localhost"})
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # never through a proxy
    try:
        with ask(request, timeout=5) as response:
            answer = {"ready": True, "status": response.status}
    except urllib.error.HTTPError as problem:
        with problem:
            answer = {"ready": False, "status": problem.code}
    except (urllib.error.URLError, OSError):
        answer = {"ready": False, "status": None}
    sentences = {
        True: f"{url}: ready.",
        False: f"{url} answers {answer['status']}: it is not ready. Its log says why."
        if answer["status"]
        else f"Nothing answers at {url}. Start `broadsheet serve`, or set host and port to where it runs.",
    }
    answers.done(answer, sentences[bool(answer["ready"])], as_json=as_json)
    raise typer.Exit(0 if answer["ready"] else 1)


def _empty(folder: Path) -> None:
    """Only what an earlier demo made is deleted, and not while it runs."""
    from broadsheet import serving

    marker = folder / ".broadsheet-demo"
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        answers.refuse(f"{folder} is not empty and was not made by the demo. Name another folder with --folder.")
    if serving.is_held(folder):
        answers.refuse(
            f"Another demo runs in {folder}. End it with Ctrl+C there, or name another folder with --folder."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()
