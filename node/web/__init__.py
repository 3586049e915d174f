"""The pages for people: a box for a question, a line per node for the answer; signing in; the account;
a clinician's cases.

Everything is rendered and served by the node: no script, no font and no style from elsewhere, so it works
on an air-gapped machine.  Questions are posted, never put into a URL, which proxies and browsers keep.
"""

from node.web.account import create_account_pages
from node.web.cases import Files, create_case_pages
from node.web.consent import create_consent_page
from node.web.docs import create_docs
from node.web.exchange import Notice, create_exchange_page
from node.web.frame import Frame
from node.web.page import create_web

__all__ = [
    "Files",
    "Frame",
    "Notice",
    "create_account_pages",
    "create_case_pages",
    "create_consent_page",
    "create_docs",
    "create_exchange_page",
    "create_web",
]
