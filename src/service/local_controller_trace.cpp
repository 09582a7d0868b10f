// SPDX-License-Identifier: Apache-2.0
// Following packets: `polycube:start-trace`, `read-trace` and `stop-trace`.
#include <charconv>

#include "base/log.h"
#include "service/local_controller.h"
#include "service/packet_filter.h"
#include "service/trace_path.h"

namespace polycube::service {

namespace {

std::uint64_t number_of(const std::map<std::string, std::string>& input, const std::string& leaf) {
  std::uint64_t value = 0;
  if (const auto found = input.find(leaf); found != input.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

// CLOCK_MONOTONIC of packets as a time of the day.
std::string time_text(std::uint64_t monotonic) {
  const auto ago = std::chrono::nanoseconds(static_cast<std::int64_t>(engine::monotonic_now() - monotonic));
  return date_and_time(std::chrono::system_clock::now() - ago);
}

}  // namespace

Result<> LocalController::set_tracing(bool on) {
  const topology::Devices devices = usable_devices(topology_);
  return engine_->trace(on, {topology_, topology_, wiring_, devices, {}, {}});
}

Result<model::Output> LocalController::start_trace(const std::map<std::string, std::string>& input,
                                                   const Origin& origin) {
  const auto text = input.find("filter");
  PCN_ASSIGN(const engine::PacketFilter filter, compile_filter(text == input.end() ? std::string() : text->second));
  const WriteLock lock(mutex_);
  if (trace_)
    return fail(ErrorCode::in_use, "packets are followed already, and one trace at a time is possible: that of {}",
                trace_->author());
  const engine::Tracer& tracer = engine_->tracer();
  PCN_TRY(tracer.set_filter(filter));
  PCN_ASSIGN(const engine::TraceCounts counts, tracer.counts());
  const std::string author = origin.client.user.empty() ? "an unknown user" : origin.client.user;
  auto session = std::make_shared<TraceSession>(fmt::format("{:x}-{}", epoch_, ++traces_), author, counts,
                                                number_of(input, "count"));
  engine::SlowPath::Reader reader;
  reader.record = [session](std::span<const std::byte> record) {
    if (const auto event = engine::parse_trace_event(record)) session->add(*event);
  };
  PCN_ASSIGN(auto events, engine_->slow_path().subscribe(tracer.ring(), std::move(reader)));
  PCN_TRY(tracer.allow(session->allowed()));
  PCN_TRY(set_tracing(true));
  trace_events_ = std::move(events);
  trace_ = session;
  model::Output output;
  output.add("trace", session->id());
  return output;
}

Result<std::shared_ptr<TraceSession>> LocalController::find_trace(const std::string& id) const {
  if (trace_ && trace_->id() == id) return trace_;
  return fail(ErrorCode::data_missing, "there is no trace {}: it has ended, or nobody read of it for {} s", id,
              TraceSession::patience.count());
}

TraceNames LocalController::trace_names() const {
  TraceNames names;
  names.cube = [this](std::uint16_t number) { return engine_->traced_cube(number).value_or(""); };
  names.service = [this](const std::string& cube) {
    const auto found = topology_.cubes.find(cube);
    return found == topology_.cubes.end() ? std::string() : found->second.service;
  };
  names.port = [this](const std::string& cube, std::uint16_t index) {
    const auto found = topology_.cubes.find(cube);
    if (found == topology_.cubes.end()) return std::string();
    for (const auto& [name, port] : found->second.ports)
      if (port.index == index) return name;
    return std::string();
  };
  names.peer = [this](const std::string& cube, const std::string& port) {
    const auto found = topology_.cubes.find(cube);
    if (found == topology_.cubes.end()) return std::string();
    const auto of_port = found->second.ports.find(port);
    return of_port == found->second.ports.end() ? std::string() : of_port->second.peer;
  };
  names.drop = [this](const std::string& cube, std::uint16_t reason) {
    const engine::Cube* found = engine_->cube(cube);
    return found == nullptr ? std::to_string(reason) : found->package().drop_name(reason);
  };
  names.slow_path = [this](const std::string& cube, std::uint16_t reason) {
    const auto found = topology_.cubes.find(cube);
    const auto* service = found == topology_.cubes.end() ? nullptr : schema()->service(found->second.service);
    return service == nullptr || reason >= service->slow_path_reasons.size() ? std::to_string(reason)
                                                                             : service->slow_path_reasons[reason];
  };
  names.device = [this](int index) {
    for (const auto& [name, device] : devices_->current())
      if (device.index == index) return name;
    return fmt::format("#{}", index);
  };
  return names;
}

Result<model::Output> LocalController::read_trace(const std::map<std::string, std::string>& input) {
  std::shared_ptr<TraceSession> session;
  {
    const ReadLock lock(mutex_);
    PCN_ASSIGN(session, find_trace(input.at("trace")));
  }
  const auto packets = session->take();
  model::Output output;
  {
    const ReadLock lock(mutex_);
    const TraceNames names = trace_names();
    for (const TraceSession::Packet& packet : packets) {
      const TracePath path = trace_path(packet.events, names);
      model::Output one = output_of(path);
      one.add("number", std::to_string(packet.number));
      one.add("time", time_text(path.time));
      output.add_node("packet", std::move(one));
    }
    PCN_ASSIGN(const engine::TraceCounts counts, engine_->tracer().counts());
    output.add("missed", std::to_string(counts.missed - session->before().missed));
    output.add("lost", std::to_string(counts.lost - session->before().lost));
    if (trace_ == session) PCN_TRY(engine_->tracer().allow(session->allowed()));
  }
  const bool finished = session->finished();
  output.add("finished", finished ? "true" : "false");
  if (finished) {
    const WriteLock lock(mutex_);
    if (trace_ == session) end_trace();
  }
  return output;
}

Result<model::Output> LocalController::stop_trace(const std::map<std::string, std::string>& input) {
  const WriteLock lock(mutex_);
  PCN_TRY(find_trace(input.at("trace")));
  end_trace();
  return model::Output();
}

void LocalController::end_trace() {
  if (!trace_ && (!engine_ || !engine_->tracing())) return;
  if (auto done = set_tracing(false); !done)
    log::error("packets are still followed, and it is tried again: {}", done.error().message);
  trace_events_ = {};
  if (!trace_) return;
  trace_->end();
  trace_ = nullptr;
}

void LocalController::end_abandoned_trace() {
  // Without a trace they are only followed where that could not be ended.
  const auto ends = [this] { return trace_ ? trace_->abandoned() : engine_->tracing(); };
  {
    const ReadLock lock(mutex_);
    if (!ends()) return;
  }
  const WriteLock lock(mutex_);
  if (!ends()) return;
  if (trace_) log::info("nobody reads what is told of packets any more: they are not followed any more");
  end_trace();
}

}  // namespace polycube::service
