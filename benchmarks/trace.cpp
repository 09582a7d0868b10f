// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <cstring>
#include <random>

#include "abi/trace.h"
#include "bpf/object.h"
#include "paths.h"
#include "statistics.h"

namespace polycube::bench {

namespace {

constexpr std::size_t frame_size = 64;  // bytes

std::uint16_t internet_checksum(const void* data, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    std::uint16_t word;
    std::memcpy(&word, static_cast<const char*>(data) + i, sizeof(word));
    sum += word;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::string suffix(topology::Hook hook) { return hook == topology::Hook::tc ? ".tc.o" : ".xdp.o"; }

// The map of this name among those that a program uses, if any.
Result<Fd> map_of(const bpf::Program& program, std::string_view name) {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  __u32 ids[64] = {};
  info.nr_map_ids = std::size(ids);
  info.map_ids = reinterpret_cast<__u64>(ids);
  if (bpf_obj_get_info_by_fd(program.fd(), &info, &size) < 0) return fail_errno(errno, "cannot inspect a program");
  for (__u32 i = 0; i < info.nr_map_ids; i++) {
    Fd map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info map_info{};
    size = sizeof(map_info);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &map_info, &size) < 0)
      return fail_errno(errno, "cannot inspect a map");
    if (name == map_info.name) return map;
  }
  return Fd();
}

}  // namespace

bpf::Bytes make_frame(std::uint32_t number) {
  struct [[gnu::packed]] {
    ethhdr ethernet;
    iphdr ip;
    udphdr udp;
  } headers{};
  std::minstd_rand random(number + 1);
  const std::uint8_t destination[] = {0x02, 0, 0, 0, 0, 2};
  const std::uint8_t source[] = {0x02, 0, 0, 0, 0, 1};
  std::memcpy(headers.ethernet.h_dest, destination, sizeof(destination));
  std::memcpy(headers.ethernet.h_source, source, sizeof(source));
  headers.ethernet.h_proto = htons(ETH_P_IP);
  headers.ip.version = 4;
  headers.ip.ihl = 5;
  headers.ip.ttl = 64;
  headers.ip.protocol = IPPROTO_UDP;
  headers.ip.tot_len = htons(frame_size - sizeof(ethhdr));
  headers.ip.saddr = htonl(0x0a000000U | (random() & 0xffffffU));
  headers.ip.daddr = htonl(0xc6120000U | (random() & 0x1ffffU));  // RFC 2544: 198.18.0.0/15
  iphdr ip = headers.ip;
  headers.ip.check = internet_checksum(&ip, sizeof(ip));
  headers.udp.source = htons(static_cast<std::uint16_t>(1024 + random() % 60000));
  headers.udp.dest = htons(9);
  headers.udp.len = htons(frame_size - sizeof(ethhdr) - sizeof(iphdr));
  bpf::Bytes frame(frame_size);
  std::memcpy(frame.data(), &headers, sizeof(headers));
  return frame;
}

Result<bpf::Map> make_trace() {
  PCN_ASSIGN(bpf::Map trace, bpf::Map::create({.name = "trace",
                                               .type = BPF_MAP_TYPE_ARRAY,
                                               .key_size = sizeof(__u32),
                                               .value_size = sizeof(trace_header),
                                               .max_entries = TRACE_LENGTH}));
  std::vector<__u32> keys(TRACE_LENGTH);
  std::vector<trace_header> headers(TRACE_LENGTH);
  for (__u32 i = 0; i < TRACE_LENGTH; i++) {
    keys[i] = i;
    const bpf::Bytes frame = make_frame(i);
    std::memcpy(headers[i].bytes, frame.data(), sizeof(headers[i].bytes));
  }
  PCN_TRY(trace.update_batch(std::as_bytes(std::span(keys)), std::as_bytes(std::span(headers)), TRACE_LENGTH));
  return trace;
}

Result<Driver> Driver::create(topology::Hook hook, const bpf::Map& trace, const bpf::Program& program) {
  PCN_ASSIGN(bpf::ObjectFile object, bpf::ObjectFile::read(paths().objects / ("driver" + suffix(hook))));
  std::map<std::string, int> maps = {{"trace", trace.fd()}};
  PCN_ASSIGN(Fd scratch, map_of(program, "pcn_scratch"));
  if (scratch) maps.emplace("pcn_scratch", scratch.get());
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load({.maps = maps}));
  Driver driver;
  driver.program_ = std::move(loaded.programs.at("driver"));
  PCN_ASSIGN(driver.memory_, bpf::MappedMemory::of(loaded.maps.at(".bss")));
  driver.panel_ = std::move(loaded.maps.at("pcn_panel"));
  PCN_TRY(driver.panel_.set(0, program.fd()));
  return driver;
}

Result<double> Driver::run(std::uint32_t packets) const {
  static const bpf::Bytes frame = make_frame(0);
  const auto& memory = *static_cast<const driver_memory*>(memory_.address());
  const std::uint64_t first = memory.packets / DRIVER_SLICE + 1;
  PCN_TRY(program_.test_run(frame, {.repeat = packets, .context = {}, .flags = 0, .batch_size = 0}));
  const std::uint64_t last = memory.packets / DRIVER_SLICE;
  Samples slices;
  for (std::uint64_t slice = first; slice < last; slice++) {
    const __u64 time = memory.stamps[(slice + 1) % DRIVER_STAMPS] - memory.stamps[slice % DRIVER_STAMPS];
    slices.add(static_cast<double>(time) / DRIVER_SLICE);
  }
  return slices.median();
}

Result<std::uint32_t> Driver::verdict() const {
  static const bpf::Bytes frame = make_frame(0);
  PCN_ASSIGN(const bpf::Program::Run run, program_.test_run(frame));
  return run.verdict;
}

std::uint32_t redirect_verdict(topology::Hook hook) {
  return hook == topology::Hook::tc ? static_cast<std::uint32_t>(TC_ACT_REDIRECT)
                                    : static_cast<std::uint32_t>(XDP_REDIRECT);
}

}  // namespace polycube::bench
