"""Other nodes: who they are, asking them all at once, and being asked by them.

    question    what a network is asked: the seam between the fan-out and the protocols it serves
    asking      a Beacon question, and how each kind of peer is asked it
    network     one question to every peer and to this node, and a state for each
    line        the way to one peer for one question
    peers       the nodes this one trusts, from the settings and from the database
    descriptor  what a node says of itself, signed
    transport   one bounded HTTP exchange with a machine that may be slow, broken or hostile
    roll        who is there: every peer asked what it says of itself
    registry    the network as a GA4GH service registry
    cache       answers that are kept for some seconds
    acquaintance  what was found out about a peer
    breaker     peers that keep failing are left alone for a while
    contact     trying out one peer
    guest       asking any Beacon by its address, as a stranger
    dialects    how the Beacons of the world want to be asked
    foreign     what such a Beacon answers, in our form
    reading     single values from documents that nobody vouches for
    sighting    a variant as any Beacon's record tells it
    visitor     a stranger's single requests
    routes      the node's own door for its peers

Questions and answers pass as bytes and as documents that `schemas.beacon` has checked; nothing here knows
what a variant is.  No credentials of a person ever leave through here.
"""
