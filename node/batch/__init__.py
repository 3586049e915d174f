"""Many questions in one file: read, asked a few at a time, answered in one table, through interruptions.

reading   a file of variants into questions, with the reason for each line that is none
journal   what is answered already, on the disk after every question
running   asking them, at most so many at once
writing   the table, as CSV or JSON
"""

from node.batch.journal import Journal
from node.batch.reading import MOST, Line, read_lines
from node.batch.running import Answer, answer_all
from node.batch.writing import write_csv, write_json

__all__ = ["MOST", "Answer", "Journal", "Line", "answer_all", "read_lines", "write_csv", "write_json"]
