"""The audit log: who was told what, when, and on whose account; written before an answer leaves.

    entry    what is recorded of one answer or refusal
    log      recording: durable, in order, by several processes at once
    reading  verifying and exporting what was recorded

Entries form a chain of hashes.  An entry holds no question, only a keyed digest of it: whoever has the key
and a question can tell whether it was asked, and nobody else can tell anything.
"""

from node.audit.entry import Entry, Kind, Outcome
from node.audit.log import Audit, open_audit
from node.audit.reading import Verdict, export, verify

__all__ = ["Audit", "Entry", "Kind", "Outcome", "Verdict", "export", "open_audit", "verify"]
