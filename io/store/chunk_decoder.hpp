#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/deflate/frame.hpp"
#include "io/store/chunk_footer.hpp"
#include "io/store/dense_scanner.hpp"

// From chunks back to events.
namespace countem::io {

/// One intact chunk of ours to take apart.
struct chunk_decoding {
  std::span<const std::uint8_t> chunk;
  chunk_footer footer;
  std::span<std::uint32_t> events;  ///< filled; as many as the footer counts
  std::span<std::uint32_t> values;  ///< filled unless empty
  std::string fault;                ///< set when the chunk contradicts itself; names neither file nor frame
};

/// What happens to the zlib stream of an intact chunk of ours that frame_decoder does not decode.
enum class own_streams : std::uint8_t {
  may_be_inflated,     ///< inflated and scanned as if another program had written it: slow, but nothing is lost
  must_decode_as_ours  ///< a fault: encoder and decoder disagree
};

/// In builds with assertions or sanitizers a disagreement between encoder and decoder must not hide behind the slow way.
#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr own_streams own_streams_policy = own_streams::must_decode_as_ours;
#else
inline constexpr own_streams own_streams_policy = own_streams::may_be_inflated;
#endif

/// Decodes the events of chunks, ours or foreign. Holds tables and scratch memory: one per thread.
class chunk_decoder {
 public:
  explicit chunk_decoder(const dense_layout& frame, own_streams policy = own_streams_policy);
  ~chunk_decoder();
  chunk_decoder(const chunk_decoder&) = delete;
  chunk_decoder& operator=(const chunk_decoder&) = delete;

  /// Decodes many chunks at once, which is faster than one after another.
  void decode(std::span<chunk_decoding> jobs);

  /// The events of a zlib stream that another program wrote: inflates and scans. `events` must have as many as the frame holds.
  /// @throws format_error
  void decode_foreign(std::span<const std::uint8_t> stream, std::span<std::uint32_t> events);

  /// The dense frame, frame.bytes() of it, as the outside sees the chunk. A frame of ordinary size is one piece; a larger one
  /// takes no more memory than that. @throws format_error
  void inflate(std::span<const std::uint8_t> stream, const dense_visitor& visit);

 private:
  void decode_sections(chunk_decoding& job);
  void decode_as_foreign(const decoding& stream, chunk_decoding& job);
  void decode_values(std::span<const std::uint8_t> section, std::span<std::uint32_t> values);
  void inflate_exactly(std::span<const std::uint8_t> stream, std::span<std::uint8_t> to);
  void inflate_by_pieces(std::span<const std::uint8_t> stream, const dense_visitor& visit);

  struct inflater;
  dense_layout frame_;
  own_streams policy_;
  frame_decoder decoder_;
  std::unique_ptr<inflater> inflater_;
  std::vector<std::uint8_t> dense_;
  std::vector<std::uint8_t> planes_;
  std::vector<decoding> streams_;          // of the jobs without compact indices
  std::vector<chunk_decoding*> streamed_;  // those jobs
};

}  // namespace countem::io
