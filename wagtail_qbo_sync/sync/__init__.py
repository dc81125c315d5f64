"""The only room with both doors open: it walks a cycle and keeps what it learns.

* connect, token, budget, lease: who may call QuickBooks, with what, and one at a time
* cycle, pull, plan, apply: the walk
* decide: what people say; status: what is shown; trouble: what went wrong
"""
