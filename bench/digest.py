"""The page that the peers send: twelve stories, a style sheet of the usual size, forty links of the reader's own."""

from __future__ import annotations

_RULES = "\n".join(
    f".c{n} {{ color: #2{n % 10}3344; font-size: {12 + n % 6}px; line-height: 1.5; padding: {n % 9}px; margin: 0; }}"
    for n in range(60)
)
_STORY = """
<table role="presentation" class="c{n}" width="100%"><tr><td class="c{m}" style="padding: 12px 0">
<p class="c{k}">City</p>
<h2 class="c{m}"><a class="c{k}" href="https://news.zagroscourier.example/c/TOKEN-{n}">
The bridge over the river will be closed for repairs: part {n}</a></h2>
<p class="c{n}">The council voted late on Tuesday after a debate that had gone on for most of the spring. Engineers who inspected
the bridge say that two of its piers have to be replaced before winter. Shopkeepers along the river fear for their trade.</p>
<p class="c{k}"><a class="c{m}" href="https://news.zagroscourier.example/c/TOKEN-{n}b">Read on</a> · by Shilan Aziz · 2 min read
<a class="c{n}" href="https://news.zagroscourier.example/s/TOKEN-{n}">Save</a></p></td></tr></table>
"""


def page() -> str:
    """The page before its styles are inlined; TOKEN stands for what differs."""
    stories = "".join(_STORY.format(n=n, m=n + 20, k=n + 40) for n in range(12))
    links = "".join(
        f'<a class="c{n}" href="https://news.zagroscourier.example/p/TOKEN-{n}">Choose</a> ' for n in range(4)
    )
    return f"<!DOCTYPE html><html><head><style>{_RULES}</style></head><body>{stories}<p>{links}</p></body></html>"
