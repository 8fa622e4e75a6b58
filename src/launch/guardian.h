// launch/guardian.h — ends the process groups we started when we cannot do it ourselves any more.
//
// When this process is killed, the system signals its children (PR_SET_PDEATHSIG), but not what
// those have started. So there is one more process: a shell of a few lines that reads from a socket
// whose other end only we hold. When we are gone, it reads the end of file and kills the groups it
// was told about. It costs nothing meanwhile, and exists only once something was started.
//
// Threads: any.
#pragma once

#include <sys/types.h>

namespace engineroom::launch {

// Where a child says that its group is to be killed if this process dies: before it becomes its
// program, so that nothing it starts can be missed. -1 if there is no guardian.
int guardian_socket();
// Says so, in the child or when it cannot become its program. Only system calls: safe after fork().
void announce_group(int socket, pid_t group);
void withdraw_group(int socket, pid_t group);
// It has ended.
void release_group(pid_t group);

}  // namespace engineroom::launch
