// Several threads, one counter on one device: each fills a slot of its own, piece by piece.
#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <countem/counting.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "kernels/cuda/device_plan.hpp"
#include "kernels/cuda/kept_reductions.hpp"
#include "kernels/cuda/nvtx_range.hpp"
#include "kernels/cuda/reducer.hpp"
#include "kernels/cuda/streamed_counter.hpp"

namespace countem::cuda {

namespace {

/// What is read at a time: it stays in the processor's cache until the device has fetched it.
constexpr std::size_t piece_bytes = std::size_t{1} << 20;
/// While the device fetches one, the next is read; a few more even out who is late.
constexpr std::size_t pieces_in_turn = 4;

/// What slots of a device share.
struct shared_device {
  streamed_counter counter;
  std::shared_ptr<pinned_frames> pinned;
  std::shared_ptr<kept_maps> maps;
  kept_patterns patterns;

  [[nodiscard]] device_scope current() const { return device_scope(counter.device()); }
};

/// A few frames on their way.
struct piece {
  explicit piece(const std::shared_ptr<pinned_frames>& pinned) : raw(pinned) {}

  frame_batch raw;
  pinned_buffer<std::byte> staged;  ///< for frames that lie elsewhere, or lack something
  cuda_event fetched;
  bool on_its_way = false;
};

class filled_slot final : public feed_slot {
 public:
  explicit filled_slot(shared_device& device) : device_(device), batch_(device.counter.sizes(), false), reducer_(device.maps) {
    for (std::size_t i = 0; i < pieces_in_turn; ++i) {
      pieces_.emplace_back(device.pinned);
      pieces_.back().raw.storage(piece_frames() * sizes().frame_bytes);  // page-locking takes long: not while others wait
    }
  }
  ~filled_slot() override {
    // What is still queued uses the buffers that go now. A failure in it has no caller left that could be informed.
    cudaStreamSynchronize(batch_.uploading.get());
    cudaStreamSynchronize(batch_.downloading.get());
  }

  [[nodiscard]] std::size_t batch_frames() const override { return sizes().frames; }
  [[nodiscard]] std::size_t piece_frames() const override {
    return std::clamp<std::size_t>(piece_bytes / sizes().frame_bytes, 1, sizes().frames);
  }

  void clear() override {
    batch_.frames.clear();
    counted_ = nullptr;
  }

  [[nodiscard]] frame_batch& next_piece() override {
    at_ = (at_ + 1) % pieces_.size();
    piece& next = pieces_[at_];
    if (next.on_its_way) next.fetched.synchronize();
    next.on_its_way = false;
    return next.raw;
  }

  void put(std::span<const frame_view> frames) override {
    device_.counter.require_fit(frames, batch_.frames.size() + frames.size());
    piece& here = pieces_[at_];
    if (frames.size() > piece_frames()) {
      throw invalid_argument(std::to_string(frames.size()) + " frames were put into a slot of a device where a piece has " +
                             std::to_string(piece_frames()));
    }
    if (here.on_its_way)
      throw invalid_argument("frames were put into a slot of a device twice where the next piece was not asked for");
    if (frames.empty()) return;
    const device_scope current = device_.current();
    const nvtx_range range("put frames");
    const std::size_t bytes = frames.size() * sizes().frame_bytes;
    const std::byte* from = start_of_contiguous(frames, sizes().frame_bytes);
    if (from == nullptr || !device_.pinned->holds(from, bytes)) {
      here.staged.reserve(piece_frames() * sizes().frame_bytes);
      gather_frames(frames, sizes().frame_bytes, here.staged.data());
      from = here.staged.data();
    }
    copy_to_device(from, batch_.raw.data() + batch_.frames.size() * sizes().frame_bytes, bytes, batch_.uploading);
    here.fetched.record(batch_.uploading);
    here.on_its_way = true;
    batch_.add(frames);
  }

  void count(event_batch& out) override {
    const device_scope current = device_.current();
    device_.counter.queue(batch_);
    device_.counter.finish(batch_, out);
    counted_ = &out;
  }

  [[nodiscard]] event_reducer& reducer() override {
    if (counted_ == nullptr) throw invalid_argument("a reducer was asked for where no batch was counted");
    const device_scope current = device_.current();
    reducer_.load_resident(view_of(*counted_, event_grid(device_.counter.setup())), batch_.indices.data());
    return reducer_;
  }

  void add_to_patterns() override {
    if (counted_ == nullptr) throw invalid_argument("a batch was to be added to patterns where none was counted");
    const device_scope current = device_.current();
    reducer_.add_to(device_.patterns);
  }

 private:
  [[nodiscard]] const batch_sizes& sizes() const { return device_.counter.sizes(); }

  shared_device& device_;
  batch_slot batch_;
  std::deque<piece> pieces_;
  std::size_t at_ = 0;
  device_reducer reducer_;
  const event_batch* counted_ = nullptr;
};

class counted_feed final : public device_feed {
 public:
  /// On options.device, which must be current.
  counted_feed(std::shared_ptr<const device_plan> plan, const device_options& options)
      : pixels_(event_grid(plan->setup()).pixels()),
        device_{{std::move(plan), options},
                std::make_shared<pinned_frames>(static_cast<int>(options.device)),
                std::make_shared<kept_maps>(),
                {options.keeps_sum ? pixels_ : 0, options.keeps_maximum ? pixels_ : 0}} {
    make_slots(options.slots);
  }
  ~counted_feed() override { device_.counter.drain(); }  // what is queued may use memory of slots

  [[nodiscard]] std::vector<feed_slot*> slots() override {
    std::vector<feed_slot*> all;
    for (const auto& slot : slots_) all.push_back(slot.get());
    return all;
  }

  void read_patterns(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum) override {
    const device_scope current = device_.current();
    device_.patterns.read(sum, maximum);
  }

 private:
  /// As many as there is memory for.
  void make_slots(unsigned wanted) {
    while (slots_.size() < wanted) {
      try {
        slots_.push_back(std::make_unique<filled_slot>(device_));
      } catch (const cuda_error&) {
        if (slots_.empty()) throw;
        return;
      }
    }
  }

  std::size_t pixels_;
  shared_device device_;
  std::vector<std::unique_ptr<filled_slot>> slots_;
};

}  // namespace

std::unique_ptr<device_feed> make_device_feed(std::shared_ptr<const counting_plan> plan, const device_options& options) {
  auto on_devices = std::dynamic_pointer_cast<const device_plan>(std::move(plan));
  if (on_devices == nullptr) throw invalid_argument("a device was to be fed with the plan of another backend");
  if (options.slots == 0) throw invalid_argument("a device that is fed needs at least one slot");
  require_device(options.device);
  const device_scope device(static_cast<int>(options.device));
  return std::make_unique<counted_feed>(std::move(on_devices), options);
}

}  // namespace countem::cuda
