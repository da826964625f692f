"""Pages: Jinja templates of `templates/web`, in the reader's language and direction, with safe defaults.

A page brings its own words through gettext, its direction from its language, its addresses from the configured base
URL (never from the request's Host header), and no script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import jinja2
from fastapi.responses import HTMLResponse

from ground.language import Languages, Texts
from web.changes import changes
from web.instant import Instant, instant
from web.shown import shown, tame, visible

#: The style sheet and what it needs, served at `/static/` by every app that shows pages.
STATIC = Path(__file__).parent / "static"


class Pages:
    """Renders the templates of `templates/web`; `templates` is the folder that holds `web/`.

    Every page knows `texts` (language, direction, dates), `base_url` and `static(name)`. A name that the caller did not
    hand in is an error at once (StrictUndefined), not a hole in the page. With a clock, a time is told with its distance.
    """

    def __init__(
        self, templates: Path, languages: Languages, base_url: str, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._clock = clock
        self._loader = jinja2.FileSystemLoader(templates / "web")
        self._languages = languages
        self._base_url = base_url.rstrip("/")
        self._versions = {
            path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:10]
            for path in sorted(STATIC.rglob("*"))
            if path.is_file()
        }
        self._environments: dict[str, jinja2.Environment] = {}

    def html(self, template: str, *, language: str = "en", status: int = 200, **context: object) -> HTMLResponse:
        """The page as a response, e.g. `html("readers/left.html", language="ckb", edition=edition)`."""
        text = self._environment(language).get_template(template).render(context)
        return HTMLResponse(text, status_code=status, headers={"Content-Language": language})

    def static(self, name: str) -> str:
        """The path of a static file, with its content's hash, so that it may be cached for a year. Raises KeyError."""
        return f"/static/{name}?v={self._versions[name]}"

    def negotiate(self, accept_language: str | None) -> str:
        """The best of the languages we speak for an Accept-Language header (RFC 9110 12.5.4); English where none fits."""
        wanted = [_weighed(part) for part in (accept_language or "")[:200].split(",")]
        for tag, weight in sorted(wanted, key=lambda pair: -pair[1]):
            primary = tag.partition("-")[0]
            if weight > 0 and primary in self._languages.available:
                return primary
        return "en"

    def _environment(self, language: str) -> jinja2.Environment:
        # One a language: gettext is compiled in as a global. The languages are those of our editions, so they are few.
        found = self._environments.get(language)
        if found is None:
            found = self._environments[language] = self._make(language)
        return found

    def _make(self, language: str) -> jinja2.Environment:
        texts = self._languages.texts(language)
        environment = jinja2.Environment(
            loader=self._loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_translations(texts.translations, newstyle=True)  # type: ignore[attr-defined] # put there by the extension
        environment.globals.update(
            texts=texts,
            base_url=self._base_url,
            static=self.static,
            texts_of=self._languages.texts,
            instant=partial(self._instant, texts),
            changes=changes,
            shown=shown,
            tame=tame,
            visible=visible,
        )
        return environment

    def _instant(self, texts: Texts, at: datetime, zone: str | None = None) -> Instant:
        return instant(texts, at, zone, self._clock() if self._clock else None)


def _weighed(part: str) -> tuple[str, float]:
    tag, _, parameter = part.strip().lower().partition(";")
    weight = parameter.strip().removeprefix("q=")
    try:
        return tag.strip(), float(weight) if weight else 1.0
    except ValueError:
        return tag.strip(), 0.0
