#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include <countem/event_store.hpp>

namespace countem::cli {

/// Events of all frames that a store holds.
[[nodiscard]] std::uint64_t events_in(const event_store& store);

/// Opens an event store. A file of reductions, which countem reduce wrote, is named as what it is.
/// @throws as open_event_store
[[nodiscard]] std::unique_ptr<event_store> open_counted(const std::filesystem::path& path);

}  // namespace countem::cli
