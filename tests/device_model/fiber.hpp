#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>

/// Fibers that the sanitizers follow: ASan is notified of each change of stack, TSan sees each fiber as a thread of its own,
/// and no switch orders memory. What orders memory in the model is marked with `publish` and `observe`.
namespace device_model {

/// A thread as TSan sees one. Does nothing in other builds.
class context {
 public:
  context();
  context(const context&) = delete;
  context& operator=(const context&) = delete;
  ~context();

  /// The calling thread or fiber becomes this context for the life of the scope, on its own stack.
  class scope {
   public:
    explicit scope(const context& entered);
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope();

   private:
    void* before_;
  };

  [[nodiscard]] void* handle() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

/// A point of order: what happened before publish() happens before what follows observe().
struct order_point {
  char address = 0;
  void publish();
  void observe();
};

/// A stack of its own that runs `body` whenever it is resumed. Kept for the life of the program: a stack in mid-kernel cannot
/// be unwound.
class fiber {
 public:
  /// `body` must never return; it gives its turn back with yield().
  explicit fiber(void (*body)(fiber&), std::size_t colour);
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  ~fiber() = default;

  /// Runs the fiber until it yields.
  void resume();
  /// From within the fiber: back to whoever resumed it.
  void yield();

 private:
  boost::context::fiber self_;
  boost::context::fiber resumer_;
  context context_;
  void (*body_)(fiber&);
  [[maybe_unused]] char* stack_ = nullptr;
  [[maybe_unused]] void* resumer_context_ = nullptr;
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] void* resumer_fake_stack_ = nullptr;
  [[maybe_unused]] const void* resumer_bottom_ = nullptr;
  [[maybe_unused]] std::size_t resumer_size_ = 0;
};

}  // namespace device_model
