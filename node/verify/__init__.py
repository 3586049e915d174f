"""Does a Beacon do what the specification says?  Asked of a running one, from outside, as anybody could.

    run       the whole: orient, check, judge
    visit     bounded, paced requests, each kept for the report
    probe     a variant that the Beacon holds, found in its own records or given
    orient    in which manner it can be asked, and what it holds to be asked for
    check     what a check is, and what it may find
    checks    the table of checks, by subject
    shapes    the structure of Beacon documents, built in
    official  the official JSON schemas, where a checkout of them is given
    verdict   the report, for people and for programs

It knows Beacon only as a client does: neither this node's store nor its way of answering.
"""
