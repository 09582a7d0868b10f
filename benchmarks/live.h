// SPDX-License-Identifier: Apache-2.0
/// The rate at which live frames cross what is between two veth pairs:
/// generator -> in.near -> in.far -> (program under test) -> out.near -> out.far -> sink.
/// Threading: one thread, pinned: what the kernel queues runs on the CPU that queued it.
#pragma once

#include <functional>
#include <memory>

#include "laboratory.h"

namespace polycube::bench {

class LivePath {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LivePath>> create();

  [[nodiscard]] const Device& from() const { return in_.far; }
  [[nodiscard]] const Device& to() const { return out_.near; }
  /// The device at which the frames end; it carries the sink's program, so no other XDP program.
  [[nodiscard]] const Device& end() const { return out_.far; }
  [[nodiscard]] const Sink& sink() const { return *sink_; }
  [[nodiscard]] const Device& source() const { return in_.near; }

  /// Frames as fast as they are taken.
  [[nodiscard]] Result<> send(std::uint32_t frames) const { return generator_->send(frames); }

  /// Nanoseconds a frame from the generator to the sink, sending as fast as they are taken:
  /// the median of slices, which passes over those during which something else ran.
  /// Errors: frames are lost, so that the path does not do what is measured.
  [[nodiscard]] Result<double> nanoseconds_per_frame(std::uint32_t frames) const;

 private:
  LivePath() = default;
  Pair in_;
  Pair out_;
  std::optional<Sink> sink_;
  std::optional<FrameGenerator> generator_;
};

struct Flow {
  PacketStream::Sent sent;
  std::int64_t lost = 0;
};

/// Packets flow at 150,000 a second while `work` is done. Errors: those of `work`.
[[nodiscard]] Result<Flow> flow_during(const LivePath& path, const std::function<Result<>()>& work);

/// Packets a second below which such a flow tells nothing.
inline constexpr double min_flow_rate = 100e3;

}  // namespace polycube::bench
