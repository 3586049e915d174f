"""What the node knows of the human genome and its vocabularies, without asking anybody: tables it ships, and
files the site has.

    genes      symbols, identifiers and extents of genes
    ontology   terms of phenotypes, diseases and sex, and how they hang together
    liftover   where a place of one assembly lies in the other, by the site's chain files

Nothing here knows a dataset, a person or who is asking; nothing is fetched at run time.
"""
