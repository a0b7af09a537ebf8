// What control groups leave a process of the machine's cores: `docker run --cpus=2` sets a quota of time, of which
// neither the number of cores nor the process's affinity tells.
#pragma once

namespace minigrad {

// The cores that the quota amounts to, rounded up; 0 where there is none. The least one counts of the process's group
// and those above it. `root` is what stands before /proc and /sys.
int cores_of_quota(const char* root);

}  // namespace minigrad
