// SPDX-License-Identifier: Apache-2.0
/// What a control plane in a process of its own gets for a host: questions to the daemon.
/// Invariants: when the connection is gone, functions fail with `system`, and there are no ports.
/// Threading: as control::Host. Timers are the process's own.
#pragma once

#include "remote/alarm.h"
#include "remote/outbox.h"
#include "service/turn.h"

namespace polycube::remote {

class RemoteHost : public control::Host {
 public:
  RemoteHost(std::string name, std::string uuid, std::uint64_t number, Outbox<pb::FromService>& outbox, Alarm& alarm,
             std::shared_ptr<service::Turn> turn)
      : name_(std::move(name)),
        uuid_(std::move(uuid)),
        number_(number),
        outbox_(outbox),
        alarm_(alarm),
        turn_(std::move(turn)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& uuid() const override { return uuid_; }
  [[nodiscard]] std::vector<control::Port> ports() const override;
  [[nodiscard]] Result<control::Port> port(std::string_view name) const override;
  [[nodiscard]] Result<> send_packet_out(std::uint16_t port_index, std::span<const std::byte> packet,
                                         control::Direction direction, std::uint32_t traffic_class) override;
  using control::Host::open_table;
  [[nodiscard]] Result<std::unique_ptr<control::RawTable>> open_table(std::string_view name,
                                                                      const control::Program& program) override;
  [[nodiscard]] Result<control::Hook> hook() const override;
  [[nodiscard]] Result<std::uint16_t> add_program(const control::Code& code, control::Direction direction,
                                                  std::optional<std::uint16_t> index) override;
  [[nodiscard]] Result<> reload_program(const control::Code& code, const control::Program& program) override;
  [[nodiscard]] Result<> remove_program(const control::Program& program) override;
  [[nodiscard]] control::Timer every(std::chrono::milliseconds interval, std::function<void()> function) override;
  [[nodiscard]] control::Timer after(std::chrono::milliseconds delay, std::function<void()> function) override;
  void log(control::LogLevel level, std::string_view text) override;

 private:
  class RemoteTable;
  [[nodiscard]] Result<pb::Reply> call(pb::FromService message) const;
  [[nodiscard]] Result<pb::Reply> call(pb::ProgramCall::Operation operation, const control::Program& program,
                                       const control::Code& code, bool any_index) const;

  std::string name_;
  std::string uuid_;
  std::uint64_t number_;
  Outbox<pb::FromService>& outbox_;
  Alarm& alarm_;
  std::shared_ptr<service::Turn> turn_;
};

}  // namespace polycube::remote
