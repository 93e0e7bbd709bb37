// The model of shared memory: dynamic shared memory of the running block and its variables, guarded under AddressSanitizer.
#include <cstdlib>

#include "machine.hpp"
#include "poison.hpp"

namespace device_model {

namespace {

constexpr std::size_t shared_alignment = 16;
constexpr std::size_t variables_bytes = 8 << 10;  ///< more than any of our kernels declares
constexpr std::size_t red_zone = 32;              ///< between two variables

/// Anything, the same for the same seed; small numbers too, which could pass for places or counts.
void make_noise(unsigned char* memory, std::size_t bytes) {
  const std::uint64_t masks[] = {~0ULL, 0x07ff'07ff'07ff'07ffULL, 0x0000'000f'0000'000fULL};
  const std::uint64_t mask = m.order.random ? masks[draw(3)] : ~0ULL;
  std::uint64_t noise = 0xCDCD'CDCD'CDCD'CDCDULL;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0 && m.order.random) noise = (noise * 6364136223846793005ULL + m.random_state) & mask;
    const_cast<volatile unsigned char*>(memory)[i] = static_cast<unsigned char>(noise >> (8 * (i % 8)));
  }
}

/// Shared memory of the running block: full of noise, or of what the block before left there. For TSan every block gets its
/// own, kept until the grid ends, so that it sees no other block in it; otherwise blocks take turns with the same.
void renew(unsigned char*& memory, std::size_t bytes) {
#if defined(COUNTEM_MODEL_TSAN)
  memory = nullptr;
#endif
  if (bytes == 0) return;
  const bool fresh = memory == nullptr;
  if (fresh) {
    const std::size_t whole = (bytes + shared_alignment - 1) / shared_alignment * shared_alignment;
    memory = static_cast<unsigned char*>(std::aligned_alloc(shared_alignment, whole));
    if (memory == nullptr) std::abort();
    m.shared_blocks.push_back(memory);
    __asan_poison_memory_region(memory + bytes, whole - bytes);
  }
  if (fresh || !m.order.random || draw(2) == 0) make_noise(memory, bytes);
}

}  // namespace

void renew_shared() {
  renew(m.dynamic, m.launched.shared_bytes);
  __asan_unpoison_memory_region(m.variables, m.variables == nullptr ? 0 : variables_bytes);
  renew(m.variables, variables_bytes);
  __asan_poison_memory_region(m.variables, variables_bytes);
}

void release_shared() {
  __asan_unpoison_memory_region(m.variables, variables_bytes);
  for (unsigned char* block : m.shared_blocks) std::free(block);
  m.shared_blocks = {};
  m.dynamic = nullptr;
  m.variables = nullptr;
}

unsigned char* dynamic_shared() {
  return m.dynamic;
}

void* shared_variable(const void* declaration, std::size_t bytes) {
  auto known = m.variable_offsets.find(declaration);
  if (known == m.variable_offsets.end()) {
    if (m.variables_used + bytes > variables_bytes) refuse_grid("more variables in shared memory than the model holds");
    known = m.variable_offsets.emplace(declaration, m.variables_used).first;
    m.variables_used += (bytes + shared_alignment - 1) / shared_alignment * shared_alignment + red_zone;
  }
  __asan_unpoison_memory_region(m.variables + known->second, bytes);
  return m.variables + known->second;
}

}  // namespace device_model
