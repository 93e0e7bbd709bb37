#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <countem/append.hpp>
#include <countem/event_store.hpp>

namespace countem::python {

/// The events of a scan in memory: first a sink, then a store.
class memory_store final : public event_store, public event_sink {
 public:
  /// Frames that no batch holds never arrived.
  explicit memory_store(store_description description) : description_(std::move(description)) {}

  void observe(const event_batch& /*unused*/) override {}
  [[nodiscard]] std::unique_ptr<encoded> encode(const event_batch& events) const override;
  void write(const encoded& frames) override;
  /// Makes room for so many events, once: what is not used of it costs no memory.
  void reserve(std::uint64_t events);
  /// The next frames.
  void add(const event_batch& events);
  /// After the last batch.
  void finish();

  [[nodiscard]] const store_description& description() const override { return description_; }
  [[nodiscard]] std::uint64_t frames() const override { return counts_.size(); }
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const override { return counts_; }
  [[nodiscard]] const std::vector<std::uint8_t>& status() const override { return all_.status; }
  [[nodiscard]] const std::vector<std::uint32_t>& xrays() const override { return all_.xrays; }
  void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned threads) const override;

 private:
  struct kept : encoded {
    event_batch events;
  };

  store_description description_;
  event_batch all_;
  std::vector<std::uint32_t> counts_;
};

}  // namespace countem::python
