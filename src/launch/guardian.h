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

// Before something is started, so that hardly any time passes between that and guard_group().
void prepare_guardian();
// From now on the group is killed if this process dies.
void guard_group(pid_t group);
// It has ended.
void release_group(pid_t group);

}  // namespace engineroom::launch
