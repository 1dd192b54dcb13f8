"""The open web: pages named or searched for, fetched under guard, read apart, and quoted with their address and date.

`agent` does a step's work and words it. `addresses` says what may be fetched, `fetching` does that, `robots` knows
what a site asks of programs, `engines` ask a search engine, `reading` makes text of what came, in a process of its own,
`summary` picks sentences. A page is data all the way: nothing in it is followed, run or obeyed.
"""
