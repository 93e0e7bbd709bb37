#include "host/python/memory_store.hpp"

#include <string>

#include <countem/error.hpp>

namespace countem::python {

std::unique_ptr<event_sink::encoded> memory_store::encode(const event_batch& events) const {
  auto frames = std::make_unique<kept>();
  frames->events = events;
  return frames;
}

void memory_store::write(const encoded& frames) {
  add(static_cast<const kept&>(frames).events);
}

void memory_store::reserve(std::uint64_t events) {
  all_.indices.reserve(events);
  if (description_.options.values != event_value::none) all_.values.reserve(events);
}

void memory_store::add(const event_batch& events) {
  append(all_, events);
}

void memory_store::finish() {
  const std::uint64_t frames = description_.scan.frames();
  all_.status.resize(frames);
  all_.xrays.resize(frames);
  all_.indptr.resize(frames + 1, all_.indptr.back());
  counts_.resize(frames);
  for (std::uint64_t frame = 0; frame < frames; ++frame) {
    const std::uint64_t events = all_.indptr[frame + 1] - all_.indptr[frame];
    counts_[frame] = has_arrived(all_.status[frame]) ? static_cast<std::uint32_t>(events) : not_written;
  }
}

void memory_store::read(std::uint64_t first, std::size_t count, event_batch& out, unsigned /*unused*/) const {
  if (first > frames() || count > frames() - first) {
    throw invalid_argument("frames " + std::to_string(first) + " to " + std::to_string(first + count) +
                           " are not all among the " + std::to_string(frames()) + " that were counted");
  }
  const auto part = [](const auto& all, std::uint64_t from, std::uint64_t to, auto& into) {
    into.assign(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to));
  };
  const std::uint64_t begin = all_.indptr[first];
  const std::uint64_t end = all_.indptr[first + count];
  out.first_frame = first;
  part(all_.status, first, first + count, out.status);
  part(all_.xrays, first, first + count, out.xrays);
  part(all_.indices, begin, end, out.indices);
  out.values.clear();
  if (!all_.values.empty()) part(all_.values, begin, end, out.values);
  out.indptr.resize(count + 1);
  for (std::size_t frame = 0; frame <= count; ++frame) out.indptr[frame] = all_.indptr[first + frame] - begin;
}

}  // namespace countem::python
