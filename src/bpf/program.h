// SPDX-License-Identifier: Apache-2.0
/// Owner of a loaded eBPF program.
/// Threading: safe from every thread.
#pragma once

#include <linux/bpf.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "base/fd.h"
#include "bpf/map.h"

namespace polycube::bpf {

class Program {
 public:
  Program() = default;
  explicit Program(Fd fd) : fd_(std::move(fd)) {}

  /// Any program of the kernel, by its id. Errors: data_missing (it is gone), system.
  [[nodiscard]] static Result<Program> open(std::uint32_t id);

  /// One that drops all packets, for TC (BPF_PROG_TYPE_SCHED_CLS) or XDP (BPF_PROG_TYPE_XDP).
  [[nodiscard]] static Result<Program> make_drop(bpf_prog_type type);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }

  struct Info {
    std::uint32_t id = 0;
    std::string name;                ///< of its function, at most 15 characters
    std::uint32_t instructions = 0;  ///< after the verifier removed dead code
  };
  [[nodiscard]] Result<Info> info() const;

  /// One run, or `repeat` runs, of the program over a packet (BPF_PROG_TEST_RUN).
  struct Run {
    std::uint32_t verdict = 0;
    Bytes packet;
    Bytes context;
    std::chrono::nanoseconds duration{};  ///< average of one run
  };
  struct RunOptions {
    std::uint32_t repeat = 1;
    std::span<const std::byte> context;  ///< struct xdp_md or struct __sk_buff, or empty
    std::uint32_t flags = 0;
    std::uint32_t batch_size = 0;  ///< with BPF_F_TEST_XDP_LIVE_FRAMES
  };
  [[nodiscard]] Result<Run> test_run(std::span<const std::byte> packet, const RunOptions& options) const;
  [[nodiscard]] Result<Run> test_run(std::span<const std::byte> packet) const { return test_run(packet, RunOptions{}); }

 private:
  Fd fd_;
};

}  // namespace polycube::bpf
