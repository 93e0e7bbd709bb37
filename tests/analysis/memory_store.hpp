#pragma once

#include <algorithm>
#include <utility>

#include <countem/event_store.hpp>

namespace countem {

/// A store that is no file: frames in memory, one batch.
class memory_store final : public event_store {
 public:
  memory_store(frame_shape shape, scan_shape scan, event_batch batch) : batch_(std::move(batch)) {
    description_.shape = shape;
    description_.scan = scan;
    for (std::size_t f = 0; f < batch_.frames(); ++f)
      counts_.push_back(has_arrived(batch_.status[f]) ? static_cast<std::uint32_t>(batch_.events(f).size()) : not_written);
    batch_.xrays.resize(batch_.frames());
  }

  [[nodiscard]] const store_description& description() const override { return description_; }
  [[nodiscard]] store_description& described() { return description_; }
  [[nodiscard]] std::uint64_t frames() const override { return batch_.frames(); }
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const override { return counts_; }
  [[nodiscard]] const std::vector<std::uint8_t>& status() const override { return batch_.status; }
  [[nodiscard]] const std::vector<std::uint32_t>& xrays() const override { return batch_.xrays; }

  void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned) const override {
    out.clear();
    for (std::size_t f = first; f < first + count; ++f) {
      const auto frame = batch_.events(f);
      out.indices.insert(out.indices.end(), frame.begin(), frame.end());
      out.indptr.push_back(out.indices.size());
      out.status.push_back(batch_.status[f]);
      out.xrays.push_back(0);
    }
  }

 private:
  store_description description_;
  event_batch batch_;
  std::vector<std::uint32_t> counts_;
};

}  // namespace countem
