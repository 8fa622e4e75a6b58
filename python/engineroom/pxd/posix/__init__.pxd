# posix — what POSIX systems have, in a module for each header.
