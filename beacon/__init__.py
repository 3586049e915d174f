"""GA4GH Beacon v2: reading a question, looking, and saying no more than was granted.

    api           routes, and the error envelope
    openapi       how a question looks, for the API description
    examples      questions to try in that description
    framework     /info, /map, /configuration ..., derived from the entry types
    terms         /filtering_terms, as far as the caller may ask
    entries       the entry types, listed in `ENTRY_TYPES`, and every path at which they are asked for
    looking       which datasets a question means, and whom in them
    selection     filters, settled in the records and carried over to what is asked for
    disclosure    the door: the only place where one node's answer is made
    merge         the answers of many nodes made into one
    records       a variant as a genomicVariant entry
    query         GET parameters and POST bodies read into a question
    filters       filters read and written back
    fields        the fields that filters may name
    measuring     whether a recorded value stands in the relation a filter demands
    lookup        what finds variants: those of a question, one by its id, all of somebody's
    parameters    the parameters of a variant question
    vocabulary    the words for types of variants
    room          what the protocol needs of its node

Synchronous and without I/O of its own, over the ports of `schemas.ports`; only `api` faces a web framework.
It does not know SQL, HTTP clients, files or tokens, nor the node it stands in.
"""
