#include "io/store/background_writer.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "threads/arena.hpp"

namespace countem::io {

namespace {

/// Frames that are encoded in one go, beside other threads.
constexpr std::size_t frames_per_piece = 128;

void copy_piece(const event_batch& batch, std::size_t first, std::size_t end, event_batch& piece) {
  const auto copy = [](const auto& all, std::uint64_t from, std::uint64_t to, auto& part) {
    part.assign(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to));
  };
  const std::uint64_t begin = batch.indptr[first];
  piece.first_frame = batch.first_frame + first;
  copy(batch.indptr, first, end + 1, piece.indptr);
  for (std::uint64_t& pointer : piece.indptr) pointer -= begin;
  copy(batch.indices, begin, batch.indptr[end], piece.indices);
  piece.values.clear();
  if (!batch.values.empty()) copy(batch.values, begin, batch.indptr[end], piece.values);
  copy(batch.status, first, end, piece.status);
  copy(batch.xrays, first, end, piece.xrays);
}

}  // namespace

void background_writer::put(const event_batch& batch) {
  to_.observe(batch);
  const std::size_t frames = batch.frames();
  next_.resize((frames + frames_per_piece - 1) / frames_per_piece);
  for (std::size_t i = 0; i < next_.size(); ++i)
    copy_piece(batch, i * frames_per_piece, std::min(frames, (i + 1) * frames_per_piece), next_[i]);
  writing_.wait();
  std::swap(next_, written_);
  writing_.start([this] { write(written_); });
}

void background_writer::write(const batches& pieces) {
  std::vector<std::unique_ptr<event_sink::encoded>> encoded(pieces.size());
  arena_of(threads_).execute(
      [&] { tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) { encoded[i] = to_.encode(pieces[i]); }); });
  for (const auto& piece : encoded) to_.write(*piece);
}

}  // namespace countem::io
