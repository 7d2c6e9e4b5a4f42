"""The trading cycle without I/O: events and times go in, actions come out."""
