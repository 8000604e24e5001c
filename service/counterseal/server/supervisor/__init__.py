"""Several worker processes on one port, and the process that looks after them.

The supervisor's side never imports gRPC: a process that holds gRPC objects must not start others from itself, and one that
does nothing but look after workers hardly fails. Workers are fresh interpreters, no forks: so a reload brings new code as well.
"""
