#include <countem/notices.hpp>
#include <countem/threads.hpp>

#include <fmt/core.h>
#include <oneapi/tbb/global_control.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace countem {

namespace {

using oneapi::tbb::global_control;

/// A quota as microseconds of processor time in a period; none where a file is absent or sets no limit.
std::optional<unsigned> processors(const std::string& quota, const std::string& period) {
  char* end = nullptr;
  const double used = std::strtod(quota.c_str(), &end);
  if (end == quota.c_str()) return std::nullopt;  // "max"
  const double length = std::strtod(period.c_str(), nullptr);
  if (!(used > 0 && length > 0)) return std::nullopt;
  constexpr double most = 1 << 20;
  return static_cast<unsigned>(std::min(most, std::max(1.0, (used + length - 1) / length)));
}

std::vector<std::string> words_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; file >> word;) words.push_back(word);
  return words;
}

std::optional<unsigned> quota_v2(const std::string& group) {
  const std::vector<std::string> words = words_of(group + "/cpu.max");
  return words.size() == 2 ? processors(words[0], words[1]) : std::nullopt;
}

std::optional<unsigned> quota_v1(const std::string& group) {
  const std::vector<std::string> quota = words_of(group + "/cpu.cfs_quota_us");
  const std::vector<std::string> period = words_of(group + "/cpu.cfs_period_us");
  return quota.size() == 1 && period.size() == 1 ? processors(quota[0], period[0]) : std::nullopt;
}

using quota_reader = std::optional<unsigned> (*)(const std::string& group);

/// The least quota of a control group ("/user.slice/job") and those above it. In a container the group's own path may not be
/// there; its root is.
std::optional<unsigned> least_quota(const std::string& mount, std::string group, quota_reader read) {
  std::optional<unsigned> least;
  for (;; group.resize(group.rfind('/'))) {
    const std::optional<unsigned> quota = read(mount + group);
    if (quota && (!least || *quota < *least)) least = quota;
    if (group.find('/') == std::string::npos) return least;
  }
}

/// How many of `wanted` threads can exist at once, this one included.
unsigned startable(unsigned wanted) {
  std::mutex mutex;
  std::condition_variable change;
  bool ended = false;
  std::vector<std::thread> started;
  started.reserve(wanted);
  try {
    while (started.size() + 1 < wanted) {
      started.emplace_back([&] {
        std::unique_lock lock(mutex);
        change.wait(lock, [&] { return ended; });
      });
    }
  } catch (const std::exception&) {  // no more threads, or no memory for them
  }
  {
    const std::lock_guard lock(mutex);
    ended = true;
  }
  change.notify_all();
  for (std::thread& one : started) one.join();
  const auto together = static_cast<unsigned>(started.size()) + 1;
  if (together == wanted) return wanted;
  // The system counts a thread a moment longer than it takes to join it, and other processes start threads, too.
  constexpr std::chrono::milliseconds moment{10};
  std::this_thread::sleep_for(moment);
  return std::max(1U, together - 1);
}

}  // namespace

struct thread_limit::control {
  explicit control(unsigned threads) : limit(global_control::max_allowed_parallelism, threads) {}
  global_control limit;
};

unsigned usable_threads() {
  return static_cast<unsigned>(global_control::active_value(global_control::max_allowed_parallelism));
}

std::optional<unsigned> cpu_quota(const std::string& root) {
  std::optional<unsigned> least;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // ID:CONTROLLERS:PATH
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers = line.substr(first, second - first + 1);
    std::replace(controllers.begin(), controllers.end(), ':', ',');
    const std::string group = line.substr(second + 1);
    const std::string mounts = root + "/sys/fs/cgroup";
    std::optional<unsigned> quota;
    if (controllers == ",,") {
      quota = least_quota(mounts, group, quota_v2);
    } else if (controllers.find(",cpu,") != std::string::npos) {
      quota = least_quota(mounts + "/cpu", group, quota_v1);
      if (!quota) quota = least_quota(mounts + "/cpu,cpuacct", group, quota_v1);
    }
    if (quota && (!least || *quota < *least)) least = quota;
  }
  return least;
}

thread_limit::thread_limit() {
  const unsigned processors = usable_threads();
  const unsigned wanted = std::min(processors, cpu_quota().value_or(processors));
  const unsigned threads = startable(wanted);
  if (threads < wanted) {
    notify_once(fmt::format("the system grants {} of {} threads (limit of processes or of the container): work takes longer",
                            threads, wanted));
  }
  if (threads < processors) control_ = std::make_unique<control>(threads);
}

thread_limit::thread_limit(unsigned threads) : control_(std::make_unique<control>(threads)) {}

thread_limit::~thread_limit() = default;

}  // namespace countem
