#include "host/cli/store_facts.hpp"

#include <countem/error.hpp>
#include <countem/saved_image.hpp>

namespace countem::cli {

std::uint64_t events_in(const event_store& store) {
  std::uint64_t events = 0;
  for (const std::uint32_t count : store.counts()) events += count == not_written ? 0 : count;
  return events;
}

std::unique_ptr<event_store> open_counted(const std::filesystem::path& path) {
  try {
    return open_event_store(path);
  } catch (const format_error&) {
    if (!images_output.is_own(path)) throw;
    throw format_error(path.string() + ": holds reductions and no events: name the event store that they were made from");
  }
}

}  // namespace countem::cli
