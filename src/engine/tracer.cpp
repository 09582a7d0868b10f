// SPDX-License-Identifier: Apache-2.0
#include "engine/tracer.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cstring>

namespace polycube::engine {

thread_local std::uint16_t FollowedPacket::current_ = 0;

std::optional<pcn_trace_event> parse_trace_event(std::span<const std::byte> record) {
  pcn_trace_event event;
  if (record.size() < sizeof(event)) return std::nullopt;
  std::memcpy(&event, record.data(), sizeof(event));
  return event;
}

Result<std::unique_ptr<Tracer>> Tracer::create() {
  std::unique_ptr<Tracer> tracer(new Tracer);
  PCN_ASSIGN(tracer->ring_,
             bpf::Map::create({.name = "pcn_trace_ring", .type = BPF_MAP_TYPE_RINGBUF, .max_entries = PCN_TRACE_RING}));
  PCN_ASSIGN(tracer->counts_, bpf::Map::create({.name = "pcn_trace_counts",
                                                .type = BPF_MAP_TYPE_ARRAY,
                                                .key_size = sizeof(__u32),
                                                .value_size = sizeof(__u64),
                                                .max_entries = PCN_TRACE_COUNTS}));
  PCN_ASSIGN(tracer->filter_, bpf::Map::create({.name = "pcn_trace_filte",
                                                .type = BPF_MAP_TYPE_ARRAY,
                                                .key_size = sizeof(__u32),
                                                .value_size = sizeof(pcn_filter),
                                                .max_entries = 1}));
  return tracer;
}

std::map<std::string, int> Tracer::shared_maps() const {
  return {{"pcn_trace_ring", ring_.fd()}, {"pcn_trace_counts", counts_.fd()}, {"pcn_trace_filter", filter_.fd()}};
}

Result<> Tracer::set_filter(const PacketFilter& filter) const {
  if (filter.size() > PCN_TRACE_INSTRUCTIONS)
    return fail(ErrorCode::limit_exceeded, "the filter has {} instructions, at most {} are possible: make it simpler",
                filter.size(), PCN_TRACE_INSTRUCTIONS);
  const auto value = std::make_unique<pcn_filter>();
  value->count = static_cast<__u32>(filter.size());
  std::copy(filter.begin(), filter.end(), value->code);
  return filter_.set(0, *value);
}

Result<> Tracer::allow(std::uint64_t packets) const { return counts_.set(PCN_TRACE_ALLOWED, packets); }

Result<TraceCounts> Tracer::counts() const {
  TraceCounts counts;
  for (auto [which, to] : {std::pair{PCN_TRACE_ALLOWED, &counts.allowed},
                           {PCN_TRACE_BEGUN, &counts.begun},
                           {PCN_TRACE_MISSED, &counts.missed},
                           {PCN_TRACE_LOST, &counts.lost}}) {
    const auto key = static_cast<__u32>(which);
    PCN_ASSIGN(const bpf::Bytes value, counts_.lookup(std::as_bytes(std::span(&key, 1))));
    std::memcpy(to, value.data(), sizeof(*to));
  }
  return counts;
}

}  // namespace polycube::engine
