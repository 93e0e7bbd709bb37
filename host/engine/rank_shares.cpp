// What a rank takes of its machine, and what is left of a scan.
#include <sched.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include <countem/ranks.hpp>
#include <countem/threads.hpp>

namespace countem {

namespace {

/// Processors that this process may use; none where the system does not answer.
std::vector<unsigned> own_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> processors;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (unsigned number = 0; number < CPU_SETSIZE; ++number) {
    if (CPU_ISSET(number, &set)) processors.push_back(number);
  }
  return processors;
}

}  // namespace

std::vector<frame_range> frames_but(std::uint64_t frames, std::vector<frame_range> held) {
  std::ranges::sort(held, {}, &frame_range::first);
  std::vector<frame_range> left;
  std::uint64_t next = 0;
  for (const frame_range& range : held) {
    if (range.first > next) left.push_back({next, std::min(range.first, frames)});
    next = std::max(next, range.end);
  }
  if (next < frames) left.push_back({next, frames});
  return left;
}

unsigned threads_of_rank(const std::vector<std::vector<unsigned>>& processors, std::size_t mine,
                         std::optional<unsigned> quota) {
  double share = 0;
  for (const unsigned number : processors[mine]) {
    const auto uses_it = [&](const std::vector<unsigned>& rank) { return std::ranges::find(rank, number) != rank.end(); };
    share += 1.0 / static_cast<double>(std::ranges::count_if(processors, uses_it));
  }
  if (quota) share = std::min(share, static_cast<double>(*quota) / static_cast<double>(processors.size()));
  constexpr double rounding = 1e-6;
  return std::max(1U, static_cast<unsigned>(share + rounding));
}

unsigned threads_of_rank(ranks& all) {
  const std::vector<std::string> given =
      all.all_gather(nlohmann::json{{"node", all.self().node}, {"processors", own_processors()}}.dump());
  if (all.self().node_size == 1) return usable_threads();
  std::vector<std::vector<unsigned>> processors;
  for (const std::string& text : given) {
    const nlohmann::json rank = nlohmann::json::parse(text);
    if (rank["node"] == all.self().node) processors.push_back(rank["processors"].get<std::vector<unsigned>>());
  }
  return std::min(usable_threads(), threads_of_rank(processors, all.self().node_rank, cpu_quota()));
}

std::vector<unsigned> devices_of_rank(const communicator::place& self, const std::vector<unsigned>& devices) {
  std::vector<unsigned> mine;
  for (std::size_t turn = self.node_rank % std::max<std::size_t>(1, devices.size()); turn < devices.size();
       turn += self.node_size)
    mine.push_back(devices[turn]);
  return mine;
}

}  // namespace countem
