"""The engine: a Python process that runs tasks for clients.

`python -m engineroom.engine` registers with a controller, sets up an IPython shell and runs what
comes. All that involves the network is done by a native thread (src/engine), so that no task,
however it holds the interpreter's lock, costs a heartbeat or delays an abort.

    options.py   command line and environment → Options
    profile.py   configuration and startup files
    app.py       the life of the process
    worker.py    one task after the other
    shell.py     the IPython shell whose output goes to the clients
    streams.py   sys.stdout and sys.stderr
    errors.py    exceptions as clients see them
    comms.py     comm messages, for widgets
"""
