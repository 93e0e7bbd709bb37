#pragma once

#include <cstdint>

#include <countem/event_store.hpp>

namespace countem::cli {

/// Events of all frames that a store holds.
[[nodiscard]] std::uint64_t events_in(const event_store& store);

}  // namespace countem::cli
