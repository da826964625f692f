"""Inbound mail: the ways in which reports reach us. Maildir first; IMAP, POP3 and a listener are further modules."""
