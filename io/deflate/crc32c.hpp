#pragma once

#include <cstddef>
#include <cstdint>

namespace countem::io {

/// CRC-32C (Castagnoli, as in iSCSI and RFC 3720) of `bytes` bytes; `earlier` is the CRC of what came before them.
/// ISA-L picks the processor's instructions at run time.
[[nodiscard]] std::uint32_t crc32c(const void* data, std::size_t bytes, std::uint32_t earlier = 0);

}  // namespace countem::io
