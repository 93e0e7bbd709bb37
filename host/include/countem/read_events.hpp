#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <countem/event_store.hpp>

namespace countem {

/// Events of frames [first, first + count), CRC-checked, decoded where the caller wants to have them: one frame behind the
/// other, as many as the counts of the store have in all. `values`: one for each event, or empty. `threads` 0: all cores. Not
/// safe to call from several threads at once on one store.
/// @throws as event_store::read(); invalid_argument when the memory is not of that size.
void read_events(const event_store& store, std::uint64_t first, std::size_t count, std::span<std::uint32_t> indices,
                 std::span<std::uint32_t> values, unsigned threads = 0);

}  // namespace countem
