"""Who is asking: the node's keys, requests signed by other nodes, and the grant a caller gets.

    keys        the key pairs with which this node signs
    signed      signed documents: strict reading, and trust by pinned key alone
    tokens      one-use tokens that bind a request to its sender, receiver, path and body
    principal   what was established of a caller
    grant       what each caller may see of every dataset

Nothing here knows what a question is about, and nothing here fetches anything: a key is trusted because
its thumbprint was pinned by a person, never because it was found somewhere.
"""
