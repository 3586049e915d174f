"""Matchmaker Exchange: which patients here resemble the one in the question, and what may be said of them.

    match       the door: question and cases to ranked, limited results, only with what may leave
    onesided    the door for people who are found by a genotype that nobody has looked at
    scoring     the algorithms, and the profile of a patient that they compare
    phenotype   phenotype terms as arrays, and measures of how alike two sets of terms are
    genotype    which genes and variants two patients have in common
    change      one variant: where it lies, what it does, how rare it is, and how alike two are
    inheritance how a disease is passed on
    wording     why two patients were matched, in sentences

Pure and synchronous over the ports of `schemas.matching`: knows no database, no HTTP and no other room.
"""
