# libc — its parts are libc.math, libc.stdlib and the like.
