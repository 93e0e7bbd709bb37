#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include <string>

namespace countem {

namespace {

class frames_made_on_the_fly : public frame_source {
 public:
  frames_made_on_the_fly(const simulation_options& options, std::uint64_t dark_frames, bool dark)
      : made_by_(options), dark_(dark) {
    info_.format = input_format("raw");
    info_.shape = options.frame;
    info_.type = pixel_type::u16;
    info_.scan = options.scan;
    if (dark_) info_.scan = {1, static_cast<std::uint32_t>(dark_frames), 1};
  }

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    const std::uint64_t all = info_.scan.frames();
    if (first > all || count > all - first) {
      throw invalid_argument("simulated frames " + std::to_string(first) + " to " + std::to_string(first + count) +
                             " asked for, the scan has " + std::to_string(all));
    }
    const std::uint64_t pixels = info_.shape.pixels();
    auto* memory = reinterpret_cast<std::uint16_t*>(batch.storage(count * pixels * sizeof(std::uint16_t)));
    batch.first_frame = first;
    batch.frames.clear();
    simulated_truth unused;
    for (std::size_t each = 0; each < count; ++each, memory += pixels) {
      if (dark_) {
        made_by_.dark(first + each, memory);
      } else {
        unused = {};
        made_by_.frame(first + each, memory, unused);
      }
      batch.frames.push_back(contiguous_frame(info_.shape, info_.type, memory));
    }
  }

 private:
  simulator made_by_;
  bool dark_;
  source_info info_;
};

}  // namespace

std::unique_ptr<frame_source> simulated_source(const simulation_options& options) {
  return std::make_unique<frames_made_on_the_fly>(options, 0, false);
}

std::unique_ptr<frame_source> simulated_darks(const simulation_options& options, std::uint32_t dark_frames) {
  if (dark_frames == 0) throw invalid_argument("simulation: no dark frames asked for; ask for at least one");
  return std::make_unique<frames_made_on_the_fly>(options, dark_frames, true);
}

}  // namespace countem
