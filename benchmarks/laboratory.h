// SPDX-License-Identifier: Apache-2.0
/// A network of the benchmark's own: veth pairs in a namespace without a name.
/// Why: nothing of the host's network is touched, and the kernel removes all of it with the last process inside, however
/// that ends.
/// Invariants: the devices are up, without IPv6, so that no frame is on them but the benchmark's.
/// Threading: enter() before any other thread is started; the rest under the caller's control.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "abi/sink.h"
#include "base/result.h"
#include "bpf/link.h"
#include "bpf/object.h"
#include "statistics.h"
#include "topology/topology.h"

namespace polycube::bench {

struct Device {
  std::string name;
  int index = 0;  ///< interface index
};

/// A veth pair, deleted with this object.
struct Pair {
  Pair() = default;
  Pair(Pair&& other) noexcept { *this = std::move(other); }
  Pair& operator=(Pair&& other) noexcept {
    std::swap(near, other.near);
    std::swap(far, other.far);
    return *this;
  }
  ~Pair();

  Device near;
  Device far;
};

/// Moves the process into a new network namespace.
[[nodiscard]] Result<> enter_laboratory();

/// Creates a veth pair; no other may have these names. Frames sent into one end (by XDP too) come out of the other one.
[[nodiscard]] Result<Pair> create_pair(const std::string& near, const std::string& far);

/// These devices as the topology sees them.
[[nodiscard]] topology::Devices as_topology(const std::vector<Device>& devices);

/// Counts, times and drops, in native XDP, what arrives on a device.
class Sink {
 public:
  [[nodiscard]] static Result<Sink> attach(const Device& device);

  [[nodiscard]] std::uint64_t frames() const;
  /// Frames that this CPU handled, and nanoseconds a frame in each whole slice of SINK_SLICE of them since `begin`.
  [[nodiscard]] std::uint64_t frames_of(unsigned cpu) const;
  [[nodiscard]] Samples slices(unsigned cpu, std::uint64_t begin) const;

  /// Notes the time of the next frame; arrived() gives it, when there was one.
  void arm() const;
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> arrived() const;

 private:
  Sink() = default;
  [[nodiscard]] sink_memory& memory() const { return *static_cast<sink_memory*>(memory_.address()); }
  bpf::Link link_;
  bpf::MappedMemory memory_;
};

/// Sends XDP frames out of a device, as fast as they are taken.
class FrameGenerator {
 public:
  [[nodiscard]] static Result<FrameGenerator> create(const Device& device);
  /// One live-frames test-run. The kernel needs 20 ms more to set up and to tidy up than the frames take.
  [[nodiscard]] Result<> send(std::uint32_t frames) const;

 private:
  FrameGenerator() = default;
  bpf::Program program_;
};

/// Sends packets out of a device at a steady rate, from a thread of its own, from creation until stop().
class PacketStream {
 public:
  struct Sent {
    std::uint64_t packets = 0;
    double rate = 0;  ///< packets a second
  };
  [[nodiscard]] static Result<std::unique_ptr<PacketStream>> start(const Device& device, double packets_per_second);
  ~PacketStream();

  /// What the device took in all; the last packet was handled or is queued.
  [[nodiscard]] Result<Sent> stop();

 private:
  PacketStream() = default;
  void run(double packets_per_second);
  Fd socket_;
  std::atomic<bool> stopping_ = false;
  Result<> result_;
  Sent sent_;
  std::thread thread_;
};

/// The CPU on which data paths are measured: the last one, since interrupts prefer the first.
[[nodiscard]] unsigned measuring_cpu();

/// Keeps the calling thread on one CPU while it lives.
class Pinned {
 public:
  explicit Pinned(unsigned cpu);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  struct Mask;
  std::unique_ptr<Mask> before_;
};

}  // namespace polycube::bench
