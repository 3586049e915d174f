"""The matchmaker at work: questions of other nodes answered, questions asked of them, and people told.

    tokens     what peers without keys show in X-Auth-Token, and what they gave this node to show to them
    guard      how much each peer may ask, and who asks as if he were fishing
    census     the numbers of `/mme/metrics`
    desk       answering: this node's own cases, counted, audited, its doctors told
    carriers   people who carry a candidate genotype, asked for by others and for the node's own cases
    candidates candidate genes of the node's own cases, from their genotypes
    asking     how each kind of peer is asked
    letters    what people are told of new matches, and the outbox that holds it until it is sent
    mail       sending by SMTP and as signed webhooks
    finder     asking about a case: here, or at every node, and the answers merged
    rounds     matching every case again, at night
    opening    all of it, for an open node

Of a foreign patient nothing is kept beyond the audit entry and a keyed digest.
"""

from node.exchange.opening import Exchange, open_exchange

__all__ = ["Exchange", "open_exchange"]
