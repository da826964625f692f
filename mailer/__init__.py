"""Mail: addresses, letters, deliveries, transports, pacing, suppressions, bounces, inbound mail.

Knows no subscriber and no article: a freeze copies address and field values into the delivery row.
A singular module (`letter`) holds a value, a plural one (`letters`) a table; a verb (`dispatch`) tells a story.
"""
