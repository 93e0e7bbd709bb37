#include "io/store/shared_frames.hpp"

#include <algorithm>
#include <string>

#include <countem/error.hpp>

#include "io/store/chunk.hpp"

namespace countem::io {

shared_frames::shared_frames(const part_list& parts)
    : parts_(parts),
      frame_(parts.frame_layout()),
      decoder_(frame_),
      compared_(parts.parts().size() > 1 ? parts.holders().size() : 0, false) {}

void shared_frames::require_room(std::span<const std::uint8_t> chunk, const chunk_footer& footer,
                                 const known_part& holder) const {
  if (footer.events <= most_events(chunk.size(), frame_)) return;
  throw format_error(holder.file.path.string() + ": frame " + std::to_string(footer.facts.frame) +
                     ": the chunk is too short for its events");
}

void shared_frames::require_same(const known_part& known, std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
  const std::uint64_t frame = footer.facts.frame;
  const std::uint32_t index = parts_.holders()[frame];
  if (index == part_list::nobody) throw_changed(known);
  if (!other_ || other_index_ != index) {
    other_ = std::make_unique<part>(parts_.parts()[index].file.path);
    other_index_ = index;
  }
  if (frame >= other_->file().counts().size() || !other_->holds(frame)) throw_changed(parts_.parts()[index]);
  const chunk_footer held = other_->read(frame, chunk_);
  if (!is_same(chunk_, held, chunk, footer)) {
    throw invalid_argument(known.file.path.string() + ": frame " + std::to_string(frame) + " is also in " +
                           other_->file().path().string() + ", with other content");
  }
  if (!compared_[frame]) ++number_;
  compared_[frame] = true;
}

/// Bytes may differ where the codes were trained on other frames.
bool shared_frames::is_same(std::span<const std::uint8_t> one, const chunk_footer& first, std::span<const std::uint8_t> two,
                            const chunk_footer& second) {
  if (std::ranges::equal(one, two)) return true;
  const bool same_facts =
      first.events == second.events && first.facts.xrays == second.facts.xrays && first.facts.status == second.facts.status;
  return same_facts && decoded(one, first) == decoded(two, second);
}

/// Events, then values.
std::vector<std::uint32_t> shared_frames::decoded(std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
  const auto refuse = [&](const std::string& fault) {
    throw format_error("frame " + std::to_string(footer.facts.frame) + ": " + fault);
  };
  if (footer.events > most_events(chunk.size(), frame_)) refuse("the chunk is too short for its events");
  const bool has_values = (footer.flags & chunk_footer::has_values) != 0;
  std::vector<std::uint32_t> content(std::size_t{footer.events} * (has_values ? 2 : 1));
  const std::span all(content);
  chunk_decoding job{chunk, footer, all.first(footer.events), all.subspan(footer.events), {}};
  decoder_.decode({&job, 1});
  if (!job.fault.empty()) refuse(job.fault);
  return content;
}

}  // namespace countem::io
