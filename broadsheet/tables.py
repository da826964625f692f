"""All tables of all rooms, brought together once: importing this module completes the metadata."""

from __future__ import annotations

import articles.articles
import articles.feeds
import articles.images
import articles.stories
import feedback.heartbeats
import mailer.ailing
import mailer.batches
import mailer.bounce_reports
import mailer.breakers
import mailer.budgets
import mailer.deliveries
import mailer.holds
import mailer.letters
import mailer.signatures
import mailer.suppressions
import mailer.told
import newsletters.corrections
import newsletters.errata
import newsletters.holidays
import newsletters.issues
import newsletters.logos
import newsletters.newsletters
import newsletters.opinions
import newsletters.portions
import newsletters.schedules
import newsletters.sponsors
import staff.members
import staff.sign_ins
import subscribers.consents
import subscribers.imports
import subscribers.moves
import subscribers.subscribers
import subscribers.subscriptions
import subscribers.topics
from ground.database import Base

metadata = Base.metadata
