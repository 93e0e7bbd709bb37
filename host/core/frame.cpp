#include <countem/frame.hpp>

#include <algorithm>
#include <new>

namespace countem {

namespace {
// Whole cache lines, so that vector loads at a band's start are aligned and no two batches share a line.
constexpr std::align_val_t storage_alignment{64};
}  // namespace

void frame_batch::giver::operator()(std::byte* memory) const {
  if (from != nullptr) {
    from->release(memory);
  } else {
    ::operator delete[](memory, storage_alignment);
  }
}

std::byte* frame_batch::storage(std::size_t bytes) {
  if (bytes > capacity_) {
    memory_.reset();
    capacity_ = 0;
    frame_memory* const from = memory_.get_deleter().from.get();
    memory_.reset(from != nullptr ? from->allocate(bytes)
                                  : static_cast<std::byte*>(::operator new[](bytes, storage_alignment)));
    capacity_ = bytes;
  }
  return memory_.get();
}

frame_view contiguous_frame(frame_shape shape, pixel_type type, const void* pixels) {
  frame_view view;
  view.shape = shape;
  view.type = type;
  view.bands[0] = static_cast<const std::byte*>(pixels);
  return view;
}

}  // namespace countem
