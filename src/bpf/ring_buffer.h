// SPDX-License-Identifier: Apache-2.0
/// Reader of a BPF ring buffer.
/// Why: a ring is mapped into the process, all of it and its records twice, when there is something in it for the first time:
/// of a thousand cubes with a slow path most never send it a packet.
/// Invariants: records are seen once, in the order in which they were reserved.
/// Threading: one thread at a time.
/// Source: Documentation/bpf/ringbuf.rst of Linux.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "bpf/map.h"

struct ring_buffer;

namespace polycube::bpf {

class RingBuffer {
 public:
  using Visit = std::function<void(std::span<const std::byte>)>;

  /// The map must be a BPF_MAP_TYPE_RINGBUF and may be closed afterwards. Errors: system.
  [[nodiscard]] static Result<RingBuffer> open(const Map& map, Visit visit);

  /// Readable while there are records: for epoll.
  [[nodiscard]] int poll_fd() const { return map_.get(); }

  /// Hands at most `budget` records to `visit`, which may keep none of the bytes. Returns how many there were. Errors: system.
  [[nodiscard]] Result<std::size_t> consume(std::size_t budget);

 private:
  struct Reader {
    Visit visit;
    std::size_t budget = 0;
  };
  struct Deleter {
    void operator()(ring_buffer* ring) const;
  };
  [[nodiscard]] Result<> map();

  Fd map_;
  std::string name_;
  std::unique_ptr<Reader> reader_;              // libbpf has its address
  std::unique_ptr<ring_buffer, Deleter> ring_;  // null until it is mapped
};

}  // namespace polycube::bpf
