"""The vocabulary every room shares: values, ports, wire formats and errors.

    genome    assemblies, contigs, intervals, alleles and the questions asked of them
    notation  what people type (`chr20:3193842 C>A`), read into those questions
    access    granularity, dataset policies, and the grant a caller holds
    people    individuals and biosamples, as a node keeps them
    ports     what a node must offer so that the protocols can answer
    network   peers, their states, and what came back from each
    beacon    GA4GH Beacon v2 on the wire; questions in `asking`
    mme       Matchmaker Exchange on the wire
    ga4gh     service-info and what else GA4GH services share
    errors    one tree of errors, each with its HTTP status

Nothing here does I/O, and nothing here knows a web framework, a database or a file format.
"""
