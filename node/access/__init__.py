"""Who is asking: credentials become a principal, and a principal a grant.

    authenticator   a request's credentials -> who sends it, or a refusal; made of settings in `opening`
    access_tokens   bearer tokens, by the rules of their issuer (`issuers`), verified or asked about
    proofs          proofs that a token's sender holds its key (DPoP)
    clearinghouse   visas of one person combined; `visas`, `conditions`, `passports`, `broker` are its parts
    inspection      whether the configured issuers answer what is needed of them
    published       what this node says to those who want to sign in
    server          the authorization server inside the node
    reception       people with browsers: `sessions`, and `providers` elsewhere at which they sign in
    channel         whether a request came in a way that nobody else can read
    keysets         public keys of issuers, over `outbound`: the only way from here to the outside
    compact         compact JWS documents read strictly; `claims` by type
    keys            the key pairs with which this node signs
    signed, tokens  requests and descriptors of other nodes, trusted by pinned keys alone
    principal       what was established of a caller
    grant           what each caller may see of every dataset

Nothing here knows what a question is about.  A key is trusted because a person pinned it, or wrote down where
its issuer has it; never because a document brought it or pointed at it.
"""
