"""Nodes behind a firewall that lets nobody in: they reach out to a relay, and are asked through it.

    sealed    requests and answers that only their receiver can read
    posts     the relay: it passes on what it cannot read, and keeps nothing
    link      the node behind the firewall: takes its letters from the relay, answers them
    asking    whoever asks such a node: an HTTP transport like any other

The relay needs no trust.  It sees who takes letters, how large they are and when; not who asks, nor what.
Requests are signed for their receiver and are good once, so it can neither read, change, make nor repeat one.
"""
