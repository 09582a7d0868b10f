// SPDX-License-Identifier: Apache-2.0
#include "live.h"

#include <chrono>
#include <thread>

namespace polycube::bench {

namespace {

constexpr std::uint64_t warm_up = 4 * SINK_SLICE;  // frames, until their memory is recycled

}  // namespace

Result<std::unique_ptr<LivePath>> LivePath::create() {
  std::unique_ptr<LivePath> path(new LivePath);
  PCN_ASSIGN(path->in_, create_pair("a", "b"));
  PCN_ASSIGN(path->out_, create_pair("c", "d"));
  PCN_ASSIGN(path->sink_, Sink::attach(path->out_.far));
  PCN_ASSIGN(path->generator_, FrameGenerator::create(path->in_.near));
  return path;
}

Result<double> LivePath::nanoseconds_per_frame(std::uint32_t frames) const {
  const unsigned cpu = measuring_cpu();
  const std::uint64_t before = sink_->frames_of(cpu);
  PCN_TRY(generator_->send(frames));
  const std::uint64_t received = sink_->frames_of(cpu) - before;
  if (received < frames / 10 * 9) return fail(ErrorCode::system, "of {} frames sent only {} arrived", frames, received);
  return sink_->slices(cpu, before + warm_up).median();
}

Result<Flow> flow_during(const LivePath& path, const std::function<Result<>()>& work) {
  constexpr double packets_per_second = 150e3;
  const std::uint64_t before = path.sink().frames();
  PCN_ASSIGN(const auto stream, PacketStream::start(path.source(), packets_per_second));
  PCN_TRY(work());
  PCN_ASSIGN(const PacketStream::Sent sent, stream->stop());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // what is queued arrives
  return Flow{sent, static_cast<std::int64_t>(sent.packets - (path.sink().frames() - before))};
}

}  // namespace polycube::bench
