"""A total over several hospitals of which nobody, the one who asks among them, learns any single part.

    masks        the arithmetic: shares that look random one by one and add up to the total
    pledge       what a node signs before a round: that it takes part, in which question, with which mask key
    memory       what was summed with whom: the same question with others, or over other data, is refused
    part         a node's part in a round that another leads
    lead         a round from the side of the node that asks

A round: the leading node asks every partner for a pledge, shows all pledges to each of them, gets a masked
share from each, and adds the shares up.  It works only with everybody in it: a round that loses somebody
ends without a total, for a second total over fewer nodes would tell the part of the missing one.

What it does not protect from is told in `deploy/secure-sum.md`.
"""
