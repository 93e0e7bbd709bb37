#pragma once

#include <cstddef>
#include <cstdint>

namespace countem::cpu {

/// Sums 64-bit words, as fast as a thread of this machine reads memory: the floor of whatever reads every pixel once.
/// Narrower loads are slower where the core keeps no more of them in flight than it has room for instructions.
[[nodiscard]] std::uint64_t streaming_read(const std::uint64_t* words, std::size_t count);

}  // namespace countem::cpu
