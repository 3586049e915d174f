"""Who and what is in each dataset: clinical records, genotyped samples and files as one roster.

    facts      what a record says, as terms and values
    making     records, samples and files made into a roster
    reading    the roster and the records of every dataset, kept until the database changes

Nothing here knows what is asked, or who asks.
"""

from node.roster.reading import DatabasePeople

__all__ = ["DatabasePeople"]
