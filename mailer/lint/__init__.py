"""Lint: what is wrong with a mail, in words that say how to mend it. Any mail, ours or not, as bytes or as an HTML file.

    report = lint.look(raw)
    report.is_sound, report.blocking, report.findings

Rules look at the final bytes only, none of them at the network or the clock; a rule is a short function in the module
of its subject, and a line in `mailer.lint.catalogue`. Other programs' opinions are asked for in `mailer.lint.tools`.
"""

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.look import look, unfinished
from mailer.lint.mail import About, Purpose

__all__ = ["About", "Finding", "NotRun", "Purpose", "Report", "Severity", "look", "unfinished"]
