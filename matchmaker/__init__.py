"""Matchmaker Exchange: which patients here resemble the one in the question, and what may be said of them.

    match       the door: question and cases to ranked, limited results, only with what may leave
    onesided    the door for people who are found by a genotype that nobody has looked at
    scoring     the algorithms, and the profile of a patient that they compare
    phenotype   phenotype terms as arrays, and measures of how alike two sets of terms are
    genotype    which genes and variants two patients have in common

Pure and synchronous over the ports of `schemas.matching`: knows no database, no HTTP and no other room.
"""
