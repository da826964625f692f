"""What every room stands on: database, guarded fetch, signed tokens, language; and the Engine that rooms submit work to.

Four things and no fifth without a decision record. `ground` imports no room.
"""
