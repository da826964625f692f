"""What the demo tells at its end, read from the service's own books and the mailbox, and whether all of it came true."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from articles.articles import Article
from articles.feeds import Feed
from feedback.figures import IssueFigures, issue_figures
from mailer.bounce_reports import BounceReport
from mailer.deliveries import Delivery, State
from newsletters import issues
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition
from subscribers.subscriptions import Subscription, SubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class SentIssue:
    edition: str
    language: str
    subject: str
    articles: int
    figures: IssueFigures


@dataclass(slots=True, kw_only=True)
class Summary:
    signed_up: int
    unsubscribed: list[str]
    signed_in: bool
    mails: int
    signed: int  # by both keys
    mailbox: Path
    seconds: float
    collected: list[tuple[str, int]] = field(default_factory=list)
    issues: list[SentIssue] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)
    confirmed: int = 0
    bounced: list[tuple[str, str]] = field(default_factory=list)

    def read(self, session: Session) -> None:
        """Take the figures from the service's books."""
        self.collected = [
            (title or url, count)
            for title, url, count in session.execute(
                select(Feed.title, Feed.url, func.count(Article.id))
                .outerjoin(Article, Article.feed_id == Feed.id)
                .group_by(Feed.id)
                .order_by(Feed.id)
            )
        ]
        for issue, edition in session.execute(select(Issue, Edition).join(Edition, Edition.id == Issue.edition_id)):
            if issue.state is IssueState.DRAFT:
                self.drafts.append(f"{issue.subject} ({len(issues.list_items(session, issue.id))} articles)")
                continue
            figures = issue_figures(session, issue.id)
            assert figures is not None
            self.issues.append(
                SentIssue(
                    edition=edition.title,
                    language=edition.language,
                    subject=issue.subject,
                    articles=len(issues.list_items(session, issue.id)),
                    figures=figures,
                )
            )
        ever = Subscription.state.in_([SubscriptionState.ACTIVE, SubscriptionState.ENDED])
        self.confirmed = session.scalars(select(func.count()).where(ever, Subscription.confirmed_at.is_not(None))).one()
        self.bounced = [
            (address, (diagnostic or reply or "").removeprefix("smtp; "))  # RFC 3464 2.3.6 names its kind first
            for address, reply, diagnostic in session.execute(
                select(Delivery.address, Delivery.reply, BounceReport.diagnostic)
                .outerjoin(BounceReport, BounceReport.delivery_id == Delivery.id)
                .where(Delivery.bounced_at.is_not(None))
                .order_by(Delivery.id)
            )
        ]

    def count(self, state: State) -> int:
        return sum(issue.figures.deliveries[state] for issue in self.issues)

    def lines(self) -> list[tuple[str, str]]:
        """Label and value of each line; a label that begins with a blank belongs to the line above it."""
        recipients = sum(issue.figures.recipients for issue in self.issues)
        in_doubt = sum(issue.figures.ever_in_doubt for issue in self.issues)
        return [
            ("Collected", f"{sum(count for _, count in self.collected)} articles from {len(self.collected)} feeds"),
            *((f" {title}", f"{count} articles") for title, count in self.collected),
            ("Readers confirmed", f"{self.confirmed} of {self.signed_up} who signed up"),
            ("Issues", f"{len(self.issues)}, one in each language"),
            *(
                (
                    f" {issue.edition}",
                    f"{issue.subject} ({issue.articles} articles, {issue.figures.recipients} recipients)",
                )
                for issue in self.issues
            ),
            ("At the desk", f"{len(self.drafts)} draft: {', '.join(self.drafts)}"),
            ("Accepted", f"{self.count(State.ACCEPTED)} of {recipients} recipients; {in_doubt} in doubt"),
            ("Bounced", str(len(self.bounced))),
            *((f" {address}", reply) for address, reply in self.bounced),
            ("Unsubscribed", f"{len(self.unsubscribed)} with one click: {', '.join(self.unsubscribed)}"),
            ("Console", "the owner signed in over HTTP" if self.signed_in else "nobody could sign in"),
            ("Mails received", f"{self.mails}, each a file in {self.mailbox}"),
            ("Signed", f"{self.signed} of them by two DKIM keys, RSA and Ed25519"),
            ("Time", f"{self.seconds:.1f} s"),
        ]

    def shortfalls(self) -> list[str]:
        """What did not come true; empty when all did."""
        figures = [issue.figures for issue in self.issues]
        checks = {
            "Not every reader who signed up is confirmed.": self.confirmed == self.signed_up,
            "Not every edition had its issue.": len(self.issues) == 3,
            "No draft waits at the desk.": len(self.drafts) == 1,
            "A feed brought no article.": bool(self.collected) and all(count for _, count in self.collected),
            "An issue's figures do not add up.": all(each.sums_match for each in figures),
            "A recipient has no accepted or failed delivery.": all(each.still_open == 0 for each in figures),
            "Not exactly one mail was refused.": self.count(State.FAILED) == 1,
            "Not exactly two addresses bounced.": len(self.bounced) == 2,
            "A mail is not signed by both keys.": self.signed == self.mails,
            "A one-time link did not sign the owner in exactly once.": self.signed_in,
            "Nobody left with one click.": sum(each.unsubscribed for each in figures) == len(self.unsubscribed) == 1,
        }
        return [sentence for sentence, is_true in checks.items() if not is_true]
