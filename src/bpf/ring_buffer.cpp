// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring_buffer.h"

#include <bpf/libbpf.h>

#include <cerrno>

namespace polycube::bpf {

void RingBuffer::Deleter::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

Result<RingBuffer> RingBuffer::open(const Map& map, Visit visit) {
  RingBuffer buffer;
  buffer.reader_ = std::make_unique<Reader>(Reader{std::move(visit), 0});
  // The record that a callback refuses counts as read, and ends the round.
  const auto deliver = [](void* context, void* data, std::size_t size) {
    auto& reader = *static_cast<Reader*>(context);
    reader.visit({static_cast<const std::byte*>(data), size});
    return --reader.budget == 0 ? -ECANCELED : 0;
  };
  buffer.ring_.reset(ring_buffer__new(map.fd(), deliver, buffer.reader_.get(), nullptr));
  if (buffer.ring_ == nullptr) return fail_errno(errno, fmt::format("cannot read the ring buffer {}", map.info().name));
  return buffer;
}

int RingBuffer::poll_fd() const { return ring_buffer__epoll_fd(ring_.get()); }

Result<std::size_t> RingBuffer::consume(std::size_t budget) {
  reader_->budget = budget;
  const int count = ring_buffer__consume(ring_.get());
  if (count < 0 && count != -ECANCELED) return fail_errno(-count, "cannot read a ring buffer");
  return budget - reader_->budget;
}

}  // namespace polycube::bpf
