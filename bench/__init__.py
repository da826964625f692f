"""What sending costs, measured beside what a newsroom would use otherwise: `make bench`, `make bench-quick`.

    town      a newsroom with an issue for so many readers, approved, written and sealed by the real rooms
    worker    a process that sends it as `serve` does: engine, ledger, pacing, signing, SMTP; no special path
    sink      the mail server at the other end (sink.c): counts what it accepts, delays, refuses, drops
    peers     others that send as many mails of the same size to the same sink
    goals     what is required and what is aimed at, each a ratio of two measurements of one run
    report    the table and the JSON

Measurements are interleaved (one of each, then the next round), and medians are compared: a shared machine moves single
cells by a third. Whoever sends, the sink's count is compared with what was to be sent; for ours with the ledger's, too.
"""
