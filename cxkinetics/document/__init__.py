"""The ground floor of everything shown: a result says itself once, in blocks of raw cells.

`page` holds the blocks, `shown` the mixin of a result; `text`, `html`, `latex`, `sheets` and `folder`
turn blocks into what is read, printed or stored. Nothing here knows any result.
"""
