#include "host/cli/store_facts.hpp"

namespace countem::cli {

std::uint64_t events_in(const event_store& store) {
  std::uint64_t events = 0;
  for (const std::uint32_t count : store.counts()) events += count == not_written ? 0 : count;
  return events;
}

}  // namespace countem::cli
