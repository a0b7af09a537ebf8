#include "core/quota.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace minigrad {
namespace {

constexpr size_t kLongest = 4096;  // of a path; what does not fit is not looked at

using Path = char[kLongest];

bool join(Path& path, const char* folder, const char* rest) {
  return static_cast<size_t>(std::snprintf(path, kLongest, "%s%s", folder, rest)) < kLongest;
}

// Reads a quota of time and, if it is asked for, a period; false where there is no number.
bool read_numbers(const char* folder, const char* file_name, double* quota, double* period) {
  Path path;
  std::FILE* const file = join(path, folder, file_name) ? std::fopen(path, "re") : nullptr;
  if (file == nullptr) return false;
  const int wanted = period == nullptr ? 1 : 2;
  const bool good = std::fscanf(file, wanted == 1 ? "%lf" : "%lf %lf", quota, period) == wanted;
  std::fclose(file);
  return good;
}

// The cores of one group: in version 2 by a file "quota period" or "max period", in version 1 by a file each; a quota
// of -1 is none.
double cores_of_group(const char* folder) {
  double quota = 0, period = 0;
  const bool known = read_numbers(folder, "/cpu.max", &quota, &period) ||
                     (read_numbers(folder, "/cpu.cfs_quota_us", &quota, nullptr) &&
                      read_numbers(folder, "/cpu.cfs_period_us", &period, nullptr));
  return known && quota > 0 && period > 0 ? quota / period : HUGE_VAL;
}

// The least of a group and those above it, up to where they are mounted. In a container the path may be the one that
// the host knows, which is not to be seen: then what is mounted is the group itself.
double cores_along(const char* mount, const char* group) {
  Path folder;
  if (!join(folder, mount, group)) return HUGE_VAL;
  double cores = HUGE_VAL;
  for (char* end = folder + std::strlen(folder); end >= folder + std::strlen(mount); end = std::strrchr(folder, '/')) {
    *end = '\0';
    cores = std::fmin(cores, cores_of_group(folder));
  }
  return cores;
}

bool holds_cpu(char* controllers) {
  char* rest = nullptr;
  for (const char* one = strtok_r(controllers, ",", &rest); one != nullptr; one = strtok_r(nullptr, ",", &rest)) {
    if (std::strcmp(one, "cpu") == 0) return true;
  }
  return false;
}

// Of a line "number:controllers:path" of /proc/self/cgroup; version 2 has no controllers there.
double cores_of_line(const char* root, char* line) {
  line[std::strcspn(line, "\n")] = '\0';
  char* const controllers = std::strchr(line, ':');
  char* const path = controllers == nullptr ? nullptr : std::strchr(controllers + 1, ':');
  Path mounts, cpu, own;
  if (path == nullptr || !join(mounts, root, "/sys/fs/cgroup")) return HUGE_VAL;
  *path = '\0', *controllers = '/';
  if (controllers[1] == '\0') return cores_along(mounts, path + 1);
  if (!join(cpu, mounts, "/cpu") || !join(own, mounts, controllers) || !holds_cpu(controllers + 1)) return HUGE_VAL;
  return std::fmin(cores_along(cpu, path + 1), cores_along(own, path + 1));
}

}  // namespace

int cores_of_quota(const char* root) {
  Path path, line;
  std::FILE* const groups = join(path, root, "/proc/self/cgroup") ? std::fopen(path, "re") : nullptr;
  if (groups == nullptr) return 0;
  double cores = HUGE_VAL;
  while (std::fgets(line, kLongest, groups) != nullptr) cores = std::fmin(cores, cores_of_line(root, line));
  std::fclose(groups);
  return cores < 1e6 ? static_cast<int>(std::ceil(cores)) : 0;
}

}  // namespace minigrad
