"""GA4GH Beacon v2: reading a question, looking, and saying no more than was granted.

    api           routes, and the error envelope
    openapi       how a question looks, for the API description
    framework     /info, /map, /configuration ..., derived from the entry types
    entries       one module per entry type, listed in `ENTRY_TYPES`
    disclosure    the door: the only place where one node's answer is made
    merge         the answers of many nodes made into one
    records       a variant as a genomicVariant entry
    query         GET parameters and POST bodies read into a question
    parameters    the parameters of a variant question
    vocabulary    the words for types of variants
    room          what the protocol needs of its node

Synchronous and without I/O of its own, over the ports of `schemas.ports`; only `api` faces a web framework.
It does not know SQL, HTTP clients, files or tokens, nor the node it stands in.
"""
