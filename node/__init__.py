"""One institution's running node: command line, store, people, access, federation and web."""
