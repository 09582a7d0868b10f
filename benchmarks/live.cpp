// SPDX-License-Identifier: Apache-2.0
#include "live.h"

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

}  // namespace polycube::bench
