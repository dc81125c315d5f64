"""A firm's life in random order, and what must hold whatever happens in it.

`World` is an example site with two QuickBooks companies (the sandbox, over HTTP), and everybody who
acts on either side: people of the firm, people in QuickBooks, the weather (faults, lost or
doubled notices, time, a process that dies), and the sync between them. `machine.py` lets
Hypothesis choose who acts next. After each act the safety invariants of `invariants.py` are
checked, at rest (no faults, people approve what waits, three cycles) also those of `at_rest.py`.

The ledger knows of each value who wrote it and what that person had before their eyes. A value
that the sync writes over another one must come from somebody who had seen the other; else an
update was lost (S1).

A short profile with a fixed seed runs with the other tests; `make soak` runs longer ones.
"""
