// SPDX-License-Identifier: Apache-2.0
/// What a control plane in the daemon gets for a host: its cube's ports, tables, timers and way out.
/// Invariants: answers by what set_view() and set_cube() said last. Without a cube, tables and packets are refused. What is
/// logged is limited, whatever packets or a remote service do.
/// Threading: from any thread. Timers run with the Turn's lock; the host waits for none of the controller's.
#pragma once

#include <polycube/control.h>

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "base/log.h"
#include "engine/engine.h"
#include "service/line_limit.h"
#include "service/turn.h"

namespace polycube::service {

/// A cube as its control plane sees it from outside.
struct CubeView {
  std::string log_level;
  std::vector<control::Port> ports;
};
/// What control planes see of the machine.
struct Surroundings {
  const topology::Topology& topology;
  const topology::Wiring& wiring;
  const topology::Devices& devices;
  std::function<control::Leaves(const topology::PortName&)> port_leaves;  ///< of the model
};
/// A transparent cube is seen with two ports, "ingress" and "egress": the peer of both is its parent.
[[nodiscard]] CubeView view_of(const std::string& cube, const Surroundings& now);

class CubeHost : public control::Host {
 public:
  CubeHost(std::string name, std::string uuid, const engine::Package& package, engine::SlowPath& slow_path,
           std::shared_ptr<Turn> turn);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& uuid() const override { return uuid_; }
  [[nodiscard]] std::vector<control::Port> ports() const override;
  [[nodiscard]] Result<control::Port> port(std::string_view name) const override;
  [[nodiscard]] Result<> send_packet_out(std::uint16_t port, std::span<const std::byte> packet,
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

  /// Returns what was shown before.
  CubeView set_view(CubeView view);
  /// A running cube. `outlet` is absent without a slow path.
  struct Running {
    const engine::Cube* cube;
    std::optional<engine::Outlet> outlet;
    engine::Microcubes programs;
  };
  /// Returns when nobody uses the cube before any more.
  void set_cube(std::optional<Running> running);
  /// The cube's programs, to be put back; nothing while it does not run.
  [[nodiscard]] std::optional<engine::Cube::Snapshot> programs() const;
  void put_back(const std::optional<engine::Cube::Snapshot>& programs);
  /// What is done to programs within a CommitScope, from the first of these on to the second.
  void begin_commit();
  [[nodiscard]] engine::ProgramChanges end_commit();
  void take_back(const engine::ProgramChanges& changes);
  /// As engine::Microcubes.
  void inherit_programs();
  void drop_inherited_programs();
  /// Name of a port; empty when it is gone.
  [[nodiscard]] std::string port_name(std::uint16_t index) const;

 private:
  class HostTable;
  [[nodiscard]] Result<engine::Code> resolve(const control::Code& code, const control::Program& program) const;
  template <typename Change>
  auto change_programs(const Change& change) -> decltype(change(std::declval<const engine::Microcubes&>(), nullptr));
  [[nodiscard]] tl::unexpected<Error> not_running() const;

  std::string name_;
  std::string uuid_;
  const engine::Package& package_;
  engine::SlowPath& slow_path_;
  std::shared_ptr<Turn> turn_;
  mutable std::shared_mutex mutex_;
  CubeView view_;
  std::optional<Running> running_;
  std::mutex commit_mutex_;  ///< guards `committed_`
  std::optional<engine::ProgramChanges> committed_;
  std::atomic<spdlog::level::level_enum> threshold_ = spdlog::level::info;
  LineLimit lines_;
};

}  // namespace polycube::service
