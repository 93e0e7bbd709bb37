#include <algorithm>

#include "io/event_files/tpx3_file.hpp"

namespace countem::io {

tpx3_clusters::tpx3_clusters(frame_shape shape, std::uint64_t window)
    : shape_(shape), window_(window), last_((std::size_t{shape.height} + 2) * (shape.width + 2)) {}

void tpx3_clusters::add(std::span<const tpx3_hit> hits, std::vector<tpx3_electron>& electrons) {
  for (const tpx3_hit& hit : hits) {
    close_before(hit.time, electrons);
    add(hit);
  }
}

void tpx3_clusters::finish(std::vector<tpx3_electron>& electrons) {
  close_before(~std::uint64_t{0}, electrons);
}

void tpx3_clusters::add(const tpx3_hit& hit) {
  const std::uint64_t number = closed_ + (open_.size() - begin_);
  const std::uint64_t weight = std::max<std::uint64_t>(hit.charge, 1);
  open_.push_back({number, hit.time, weight, weight * hit.row, weight * hit.column});
  const std::size_t stride = std::size_t{shape_.width} + 2;
  const std::size_t corner = hit.row * stride + hit.column;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      const std::uint64_t last = last_[corner + row * stride + column];
      if (last <= closed_) continue;  // none, or an electron that is complete
      const std::uint64_t a = root_of(last - 1);
      const std::uint64_t b = root_of(number);
      if (a == b || a < closed_) continue;
      cluster& older = at(std::min(a, b));
      cluster& newer = at(std::max(a, b));
      newer.parent = std::min(a, b);
      older.charge += newer.charge;
      older.rows += newer.rows;
      older.columns += newer.columns;
    }
  }
  last_[corner + stride + 1] = number + 1;
}

std::uint64_t tpx3_clusters::root_of(std::uint64_t number) {
  std::uint64_t root = number;
  while (root >= closed_ && at(root).parent != root) root = at(root).parent;
  at(number).parent = root;  // the way is short next time
  return root;
}

void tpx3_clusters::close_before(std::uint64_t time, std::vector<tpx3_electron>& electrons) {
  for (; begin_ < open_.size() && time - open_[begin_].first_time > window_; ++begin_, ++closed_) {
    const cluster& done = open_[begin_];
    if (done.parent != closed_) continue;
    const auto middle = [&](std::uint64_t weighted) {
      return static_cast<std::uint32_t>((2 * weighted + done.charge) / (2 * done.charge));
    };
    electrons.push_back({done.first_time, middle(done.rows) * shape_.width + middle(done.columns)});
  }
  if (begin_ >= 4096 && 2 * begin_ >= open_.size()) {
    open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

}  // namespace countem::io
