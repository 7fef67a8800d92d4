"""A whole pretend NovaPulse on one machine, on loopback and without accounts.

::

    __main__      up · fault · load · status, for the person at the terminal
    site          ``running(directory)``: starts the parts, stops them in reverse order
    control       the sandbox's own HTTP address: faults, load, status, changes
    slack*        local-slack, the gate in front of it, and a client of its page
    redis_server  a real Redis behind a TCP gate;  producer: real BullMQ jobs from Node
    cluster/      the Kubernetes API, whose worker pods are running Node processes
    api/          the pretend NovaPulse API;  mongo/: the stand-in for MongoDB
    processes     child processes that do not outlive their parent
"""
