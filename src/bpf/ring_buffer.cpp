// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring_buffer.h"

#include <bpf/libbpf.h>
#include <poll.h>

#include <cerrno>

namespace polycube::bpf {

void RingBuffer::Deleter::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

Result<RingBuffer> RingBuffer::open(const Map& map, Visit visit) {
  RingBuffer buffer;
  PCN_ASSIGN(buffer.map_, Fd::duplicate(map.fd()));
  buffer.name_ = map.info().name;
  buffer.reader_ = std::make_unique<Reader>(Reader{std::move(visit), 0});
  return buffer;
}

Result<> RingBuffer::map() {
  // The record that a callback refuses counts as read, and ends the round.
  const auto deliver = [](void* context, void* data, std::size_t size) {
    auto& reader = *static_cast<Reader*>(context);
    reader.visit({static_cast<const std::byte*>(data), size});
    return --reader.budget == 0 ? -ECANCELED : 0;
  };
  ring_.reset(ring_buffer__new(map_.get(), deliver, reader_.get(), nullptr));
  if (ring_ == nullptr) return fail_errno(errno, fmt::format("cannot read the ring buffer {}", name_));
  return {};
}

Result<std::size_t> RingBuffer::consume(std::size_t budget) {
  if (ring_ == nullptr) {
    pollfd ring{.fd = map_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ring, 1, 0) == 0) return 0;
    PCN_TRY(map());
  }
  reader_->budget = budget;
  const int count = ring_buffer__consume(ring_.get());
  if (count < 0 && count != -ECANCELED) return fail_errno(-count, "cannot read a ring buffer");
  return budget - reader_->budget;
}

}  // namespace polycube::bpf
