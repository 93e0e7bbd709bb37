#include <countem/chunk_encoder.hpp>

#include <string>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/store/chunk.hpp"
#include "io/store/chunk_decoder.hpp"
#include "io/store/encoder_generations.hpp"

namespace countem {

namespace io {
namespace {

dense_layout dense_layout_of(const chunk_form& form) {
  const dense_layout frame{form.shape.pixels(), form.wide_counts ? 2U : 1U};
  if (frame.pixels == 0) throw invalid_argument("a chunk needs a frame of at least one pixel");
  if (frame.bytes() > max_chunk_bytes) {
    throw invalid_argument("frames of " + std::to_string(form.shape.height) + " x " + std::to_string(form.shape.width) +
                           " pixels do not fit into HDF5 chunks of 4 GiB; count with less upsampling or narrow counts");
  }
  return frame;
}

class trained_chunk_encoder final : public chunk_encoder {
 public:
  explicit trained_chunk_encoder(const chunk_form& form) : form_(form), frame_(dense_layout_of(form)), encoders_(frame_) {}

  void observe(const event_batch& events) override { encoders_.observe(events); }

  void encode(const event_batch& events, std::size_t i, std::vector<std::uint8_t>& out) const override {
    if (!has_arrived(events.status[i])) return;
    const std::uint64_t frame = events.first_frame + i;
    const std::size_t first = events.indptr[i];
    const std::size_t count = events.indptr[i + 1] - first;
    if (count >= not_written)
      throw invalid_argument("frame " + std::to_string(frame) + " has more than 2^32 - 2 events; raise the threshold");
    if (form_.keep_values && events.values.size() != events.indices.size()) {
      throw invalid_argument("the event store keeps values, but frame " + std::to_string(frame) + " comes without");
    }
    const auto values = form_.keep_values ? std::span(events.values).subspan(first, count) : std::span<const std::uint32_t>();
    const frame_facts facts{frame, events.xrays[i], events.status[i]};
    append_chunk(*encoders_.for_frame(frame), frame_, facts, events.events(i), values, form_.keep_values, form_.keep_indices,
                 out);
  }

 private:
  chunk_form form_;
  dense_layout frame_;
  encoder_generations encoders_;
};

class own_chunk_reader final : public chunk_reader {
 public:
  explicit own_chunk_reader(const chunk_form& form) : frame_(dense_layout_of(form)), decoder_(frame_) {}

  void decode(std::span<const std::uint8_t> chunk, decoded_chunk& out) override {
    const std::optional<chunk_footer> footer = find_footer(chunk);
    if (!footer) throw format_error("the bytes are not a chunk of an event store: they have no footer");
    if (!is_intact(chunk, *footer)) throw format_error("the chunk's CRC is wrong: it was damaged after it was written");
    if (footer->events > most_events(chunk.size(), frame_)) throw format_error("the chunk is too short for its events");
    out.frame = footer->facts.frame;
    out.xrays = footer->facts.xrays;
    out.status = footer->facts.status;
    out.events.resize(footer->events);
    out.values.resize((footer->flags & chunk_footer::has_values) != 0 ? footer->events : 0);
    chunk_decoding job{chunk, *footer, out.events, out.values, {}};
    decoder_.decode({&job, 1});
    if (!job.fault.empty()) throw format_error(job.fault);
  }

 private:
  dense_layout frame_;
  chunk_decoder decoder_;
};

}  // namespace
}  // namespace io

std::unique_ptr<chunk_encoder> chunk_encoder::create(const chunk_form& form) {
  return std::make_unique<io::trained_chunk_encoder>(form);
}

std::unique_ptr<chunk_reader> chunk_reader::create(const chunk_form& form) {
  return std::make_unique<io::own_chunk_reader>(form);
}

}  // namespace countem
