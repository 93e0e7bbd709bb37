#include "io/store/background_writer.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "threads/arena.hpp"

namespace countem::io {

namespace {

/// Frames that are encoded in one go, beside other threads.
constexpr std::size_t frames_per_piece = 128;

event_batch piece_of(const event_batch& batch, std::size_t first, std::size_t end) {
  const auto part = [](const auto& all, std::uint64_t from, std::uint64_t to) {
    return std::vector(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to));
  };
  event_batch piece;
  piece.first_frame = batch.first_frame + first;
  const std::uint64_t begin = batch.indptr[first];
  for (std::size_t frame = first; frame < end; ++frame) piece.indptr.push_back(batch.indptr[frame + 1] - begin);
  piece.indices = part(batch.indices, begin, batch.indptr[end]);
  if (!batch.values.empty()) piece.values = part(batch.values, begin, batch.indptr[end]);
  piece.status = part(batch.status, first, end);
  piece.xrays = part(batch.xrays, first, end);
  return piece;
}

}  // namespace

background_writer::~background_writer() {
  if (writing_.valid()) writing_.wait();
}

void background_writer::put(const event_batch& batch) {
  to_.observe(batch);
  if (threads_ == 1) {
    to_.write(*to_.encode(batch));
    return;
  }
  auto pieces = std::make_shared<encoded_pieces>(encode(batch));
  finish();
  const auto write = [this, pieces] {
    for (const auto& piece : *pieces) to_.write(*piece);
  };
  try {
    writing_ = std::async(std::launch::async, write);
  } catch (const std::system_error&) {  // no thread can be had
    write();
  }
}

void background_writer::finish() {
  if (writing_.valid()) writing_.get();
}

background_writer::encoded_pieces background_writer::encode(const event_batch& batch) const {
  const std::size_t frames = batch.frames();
  encoded_pieces pieces((frames + frames_per_piece - 1) / frames_per_piece);
  if (pieces.size() == 1) {  // as it is: a frame of many events is not copied
    pieces.front() = to_.encode(batch);
    return pieces;
  }
  arena_of(threads_).execute([&] {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, pieces.size(), 1), [&](const tbb::blocked_range<std::size_t>& range) {
      for (std::size_t i = range.begin(); i < range.end(); ++i)
        pieces[i] = to_.encode(piece_of(batch, i * frames_per_piece, std::min(frames, (i + 1) * frames_per_piece)));
    });
  });
  return pieces;
}

}  // namespace countem::io
