"""Candidate genotypes: who carries one in a gene, and which genes somebody carries one in.

    consents    who may be found by his genotype, and what may be told of him
    sieve       the alleles of a gene that are rare and damage it
    families    parents, as the records name them, and who is healthy
    fitting     what a person's alleles of one gene come to, and whether that fits how a disease is inherited
    search      the two questions over the datasets of the node
    opening     all of it, for an open node

Whoever did not consent is nowhere in what is told to others: neither found, nor counted, nor one of those by
whom it is judged how rare an allele is or from whom it came.
"""

from node.candidates.consents import Consents
from node.candidates.opening import Held, open_search
from node.candidates.search import Carrier, GenotypeSearch

__all__ = ["Carrier", "Consents", "GenotypeSearch", "Held", "open_search"]
