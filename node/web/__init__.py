"""The page for people: one box for a question, one line per node for the answer.

Everything is rendered and served by the node: no script, no font and no style from elsewhere, so it works
on an air-gapped machine.  Questions are posted, never put into a URL, which proxies and browsers keep.
"""

from node.web.page import create_web

__all__ = ["create_web"]
