// SPDX-License-Identifier: Apache-2.0
/// Frames, and test-runs that are driven by a trace of their headers (bpf/driver.bpf.c).
/// Threading: plain values; a Driver belongs to one thread.
#pragma once

#include "bpf/map.h"
#include "bpf/program.h"
#include "topology/topology.h"

namespace polycube::bench {

/// A frame of 64 bytes: Ethernet, IPv4, UDP; addresses and ports depend on `number`.
[[nodiscard]] bpf::Bytes make_frame(std::uint32_t number);

/// One program under test, entered for each packet of the trace.
class Driver {
 public:
  /// `trace` from make_trace(), shared by all drivers. The program is entered on port 0 of a cube, if it is one.
  [[nodiscard]] static Result<Driver> create(topology::Hook hook, const bpf::Map& trace, const bpf::Program& program);

  /// Nanoseconds a packet, driver included: the median of slices, which passes over those during which something else
  /// ran, and over the milliseconds that the kernel takes to set up and to tidy up. At least 4 * DRIVER_SLICE packets.
  [[nodiscard]] Result<double> run(std::uint32_t packets) const;

  /// The verdict of one packet, which shows that the program does what is measured.
  [[nodiscard]] Result<std::uint32_t> verdict() const;

 private:
  Driver() = default;
  bpf::Map panel_;
  bpf::Program program_;
  bpf::MappedMemory memory_;
};

[[nodiscard]] Result<bpf::Map> make_trace();

/// What a program says that sends a packet out of a device.
[[nodiscard]] std::uint32_t redirect_verdict(topology::Hook hook);

}  // namespace polycube::bench
